"""What was chosen by hand among the segments of a segmentation: kept with it, as ids mean nothing in another one."""

from __future__ import annotations

import json

_SEGMENTS, _REGION = "MedDDPM.segments", "MedDDPM.region"


def chosen_segments(segmentation) -> dict[str, str]:
    """Label -> id of the segment chosen by hand; anything but a JSON object of texts counts as no choice."""
    try:
        chosen = json.loads(segmentation.GetAttribute(_SEGMENTS) or "{}")
    except ValueError:
        return {}
    if not isinstance(chosen, dict):
        return {}
    return {label: identity for label, identity in chosen.items() if isinstance(identity, str)}


def choose_segment(segmentation, label: str, identity: str) -> None:
    """Remember a choice; "" goes back to finding the segment."""
    chosen = {**chosen_segments(segmentation), label: identity}
    segmentation.SetAttribute(_SEGMENTS, json.dumps({key: value for key, value in chosen.items() if value}))


def region_of(segmentation) -> str:
    """Id of the segment that says where an MRI is made anew; "" for around the tumor, also where it is gone."""
    region = segmentation.GetAttribute(_REGION) or ""
    return region if region and segmentation.GetSegmentation().GetSegment(region) is not None else ""


def choose_region(segmentation, identity: str) -> None:
    segmentation.SetAttribute(_REGION, identity)
