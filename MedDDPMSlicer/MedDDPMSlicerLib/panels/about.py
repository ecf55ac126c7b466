"""What Slicer shows of the module before it is opened."""

from __future__ import annotations

from slicer.i18n import tr as _

PAGES = "https://github.com/SlicerMedDDPM/SlicerMedDDPM/blob/main/Documentation"


def help_text() -> str:
    """What the module does, with links to its pages, as HTML."""
    text = _(
        "Turns a segmentation of head and tumor into a synthetic whole-head MRI with a conditional 3D diffusion model. "
        "Choose or paint a segmentation and press Synthesize. Research only, not for diagnosis."
    )
    titles = {
        "tutorial.md": _("Tutorial"),
        "troubleshooting.md": _("Troubleshooting"),
        "model_card.md": _("What the model can and cannot do"),
        "slicer.md": _("What was checked in Slicer"),
    }
    links = " · ".join(f'<a href="{PAGES}/{page}">{title}</a>' for page, title in titles.items())
    return f"<p>{text}</p><p>{links}</p>"


def acknowledgement() -> str:
    """Whose method and whose images the module rests on."""
    return _(
        "The method is Med-DDPM: Z. Dorjsembe, H.-K. Pao, S. Odonchimed, F. Xiao, “Conditional Diffusion Models "
        "for Semantic 3D Brain MRI Synthesis”, IEEE Journal of Biomedical and Health Informatics 28(7), 2024. "
        "Bundled weights: IXI dataset (brain-development.org), CC BY-SA 4.0."
    )
