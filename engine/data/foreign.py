"""What a file that is not a NIfTI image is instead, and how a person gets a NIfTI image from it."""

from pathlib import Path

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", "is compressed twice with gzip; decompress it once"),
    (0, b"BZh", "is compressed with bzip2; decompress it"),
    (0, b"\xfd7zXZ", "is compressed with xz; decompress it"),
    (0, b"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it"),
    (0, b"PK\x03\x04", "is a zip archive; unpack it"),
    (0, b"Rar!", "is a rar archive; unpack it"),
    (257, b"ustar", "is a tar archive; unpack it"),
    (0, b"CDF", "is a MINC image; convert it with mnc2nii"),
    (0, b"NRRD", "is an NRRD image; save it as .nii.gz with 3D Slicer or ITK-SNAP"),
    (0, b"ObjectType", "is a MetaImage; save it as .nii.gz with 3D Slicer or ITK-SNAP"),
    (128, b"DICM", "is a DICOM file; convert its folder with dcm2niix"),
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the image itself; run git lfs pull"),
    (0, b"<!DOCTYPE", "is a web page, not an image; download it again"),
    (0, b"<html", "is a web page, not an image; download it again"),
    (344, b"ni1\0", "is the header of a NIfTI pair (.hdr and .img); convert the pair to one .nii.gz file"),
)
_SUFFIXES = {
    ".mgz": "is a FreeSurfer image; convert it with mri_convert",
    ".mgh": "is a FreeSurfer image; convert it with mri_convert",
    ".mnc": "is a MINC image; convert it with mnc2nii",
    ".nrrd": "is an NRRD image; save it as .nii.gz with 3D Slicer or ITK-SNAP",
    ".nhdr": "is an NRRD image; save it as .nii.gz with 3D Slicer or ITK-SNAP",
    ".mha": "is a MetaImage; save it as .nii.gz with 3D Slicer or ITK-SNAP",
    ".mhd": "is a MetaImage; save it as .nii.gz with 3D Slicer or ITK-SNAP",
    ".dcm": "is a DICOM file; convert its folder with dcm2niix",
    ".ima": "is a DICOM file; convert its folder with dcm2niix",
    ".hdr": "is half of an Analyze or NIfTI pair (.hdr and .img); convert the pair to one .nii.gz file",
    ".img": "is half of an Analyze or NIfTI pair (.hdr and .img); convert the pair to one .nii.gz file",
    ".head": "is half of an AFNI image; convert it with 3dAFNItoNIFTI",
    ".brik": "is half of an AFNI image; convert it with 3dAFNItoNIFTI",
    ".par": "is a Philips PAR/REC image; convert it with dcm2niix",
    ".rec": "is a Philips PAR/REC image; convert it with dcm2niix",
}


def advice(path: Path, head: bytes | bytearray = b"") -> str | None:
    """What the file is and what to do with it, told by its first (decompressed) bytes, else by its name's ending.

    >>> advice(Path("brain.MGZ"))
    'is a FreeSurfer image; convert it with mri_convert'
    """
    for offset, signature, text in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return text
    return _SUFFIXES.get(path.suffix.lower()) or _SUFFIXES.get(Path(path.stem).suffix.lower())
