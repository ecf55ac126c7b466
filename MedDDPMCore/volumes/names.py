"""What a segment's name means: head, brain, tumour, a part of one, or none of these. Plain Python, for core and module.

Names may be written in snake_case, CamelCase or with blanks, in British or American English, with numbers behind;
the commonest words are known in German, French, Spanish, Italian, Portuguese and Dutch, too.
A negation ("No tumor", "sin tumor"), what is near a tumour without being one (a resection cavity, a planning volume,
eyes) and several things in one ("Brain and tumor") mean none of the labels: such segments are asked for, never taken by
their value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

_GENERIC = {"segment", "segmentation", "label", "labels", "region", "roi", "class", "object", "structure", "untitled",
            "mask", "layer", "value", "new"}  # fmt: skip
_FILLERS = _GENERIC | {"whole", "full", "entire", "the", "brats", "outline", "contour"}
_NEGATIONS = {"no", "not", "non", "none", "without", "absent", "exclude", "excluded", "excluding", "minus", "free",
              "outside", "except", "anti", "negative", "healthy", "normal", "contralateral", "former", "removed",
              "kein", "keine", "ohne", "nicht", "san", "pas", "aucune", "sin", "ninguna", "senza", "nessuna", "sem",
              "geen", "zonder"}  # fmt: skip
_NO_TUMOR = {"cavity", "bed", "resection", "resected", "ctv", "ptv", "itv", "oar", "avoid", "margin", "surrounding",
             "effect", "radiation", "hemisphere", "bearing", "side", "biopsy"}  # fmt: skip
_TUMOR = {"tumor", "lesion", "metastasis", "metastase", "met", "neoplasm", "glioma", "glioblastoma", "gbm",
          "astrocytoma", "oligodendroglioma", "ependymoma", "medulloblastoma", "meningioma", "schwannoma",
          "lymphoma", "adenoma", "craniopharyngioma", "carcinoma", "cancer", "dipg", "lgg", "hgg", "mass",
          "tumeur", "tumore", "hirntumor", "geschwulst", "lasion", "laesion", "lesione", "lesao"}  # fmt: skip
_PART = {"tissue", "core", "rim", "part", "component", "area", "solid", "wall", "nodule", "contrast", "gd", "ce",
         "gadolinium", "brain"}  # fmt: skip
"""Words that, beside "enhancing" or "necrotic", leave it a part of a tumour."""
_WHOLE_NAMES = {
    "head": {"head", "skin", "scalp", "external", "kopf", "tete", "cabeza", "testa", "cabeca", "hoofd"},
    "brain": {"brain", "gehirn", "hirn", "cerveau", "cerebro", "cervello", "hersenen"},
    "background": {"background", "ignore", "air", "hintergrund", "fond"},
    "necrotic_core": {"ncr", "net", "netc"},
    "edema": {"ed", "snfh", "odem", "oedem", "oedeme", "edeme"},
    "enhancing_tumor": {"et"},
    "whole_tumor": {"wt", "tc"},
}
"""Words that mean something only where they are the whole name."""
_AND = re.compile(r"\s*(?:[+&]|\b(?:and|with|plus|incl(?:uding)?|und|mit|avec)\b)\s*", re.IGNORECASE)
_LABELS = {
    "necrotic_core": ("necrotic_core", "tumor"),
    "enhancing_tumor": ("enhancing_tumor", "tumor"),
    "tumor": ("tumor", "enhancing_tumor"),
    "whole_tumor": ("tumor",),
}
"""What is meant -> the labels that it can be, the best first; without an entry the label of that name."""


def label_of(name: str, labels: Collection[str]) -> str | None:
    """Which of the labels (or "background") a segment's name means; None where it means none of them.

    A label is also meant by its own name, whatever it is. Parts of a tumour are tumour to labels that have no parts;
    oedema is not, and a whole tumour is no single part.
    """
    plain = snake(name)
    if plain in labels:
        return plain
    several = [part for part in _AND.split(name.replace("_", " ")) if _words(part)]
    if len(several) > 1:
        [label, *others] = {label_of(part, labels) for part in several}
        return None if others else label
    meant = _meant(name)
    if meant == "background":
        return meant
    if meant is None:
        return None
    return next((label for label in _LABELS.get(meant, (meant,)) if label in labels), None)


def is_generic(name: str) -> bool:
    """Whether a name says nothing, as "Segment_1" or "3" do."""
    return not set(_words(name)) - _GENERIC


def snake(name: str) -> str:
    """A name in snake_case and American English."""
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split()).replace("tumour", "tumor")


def _words(name: str) -> list[str]:
    """The words of a name in singular and lower case, without numbers and accents."""
    letters = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "Oe"))
    name = "".join(letter for letter in letters if not unicodedata.combining(letter))
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", " ", name)
    words = re.findall(r"[^\W\d_]+", apart.lower())
    spelled = [
        word.replace("tumour", "tumor")
        .replace("oedema", "edema")
        .replace("metastases", "metastasis")
        .replace("metastasen", "metastasis")
        for word in words
    ]
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "is")) else word
            for word in spelled]  # fmt: skip


def _meant(name: str) -> str | None:
    words = [word for word in _words(name) if word not in _FILLERS] if not is_generic(name) else []
    for meaning, alone in _WHOLE_NAMES.items():
        if words and set(words) <= alone:
            return meaning
    text = re.sub(r"\bnon ?enhanc\w+", "nonenhancing", " ".join(words))
    words = text.split()
    if _NEGATIONS & set(words):
        return None
    if re.search(r"\b(peritumoral|edema|flair|hyperintensity)\b", text):
        return "edema"
    if _NO_TUMOR & set(words):
        return None
    if _TUMOR & set(words) or all(word in _PART or re.match("ne[ck]ro|(non)?enhanc", word) for word in words):
        if re.search(r"\b(ne[ck]ro(sis|tic|se)|nonenhancing)\b", text):
            return "necrotic_core"
        if re.search(r"\benhanc(ing|ement)\b", text):
            return "enhancing_tumor"
    if re.search(r"\b(whole tumor|tumor core)\b", " ".join(_words(name))):
        return "whole_tumor"
    if _TUMOR & set(words) or re.search(r"(?<![a-z])[ip]?gtv[a-z]{0,2}(?![a-z])", name.lower()):
        return "tumor"
    return None
