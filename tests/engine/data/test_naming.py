import pytest

from engine.data import Modality
from engine.data.naming import is_nifti_name, read_name

T1N, T1C, T2W, T2F = Modality


@pytest.mark.parametrize(
    ("name", "case_id", "slot"),
    [
        ("Brats17_TCIA_105_1_t1.nii.gz", "Brats17_TCIA_105_1", T1N),
        ("BraTS19_TCIA01_131_1_t1ce.nii", "BraTS19_TCIA01_131_1", T1C),
        ("BraTS20_Training_001_flair.nii", "BraTS20_Training_001", T2F),
        ("BraTS2021_00000_t2.nii.gz", "BraTS2021_00000", T2W),
        ("BraTS-GLI-00000-000-t1n.nii.gz", "BraTS-GLI-00000-000", T1N),
        ("BraTS-PED-00001-000-t1c.nii.gz", "BraTS-PED-00001-000", T1C),
        ("BraTS-GLI-00000-000-t2w.nii.gz", "BraTS-GLI-00000-000", T2W),
        ("BraTS-GLI-00000-000-t2f.nii.gz", "BraTS-GLI-00000-000", T2F),
        ("BraTS-GLI-00000-000-seg.nii.gz", "BraTS-GLI-00000-000", "truth"),
        ("UCSF-PDGM-0004_T1c.nii.gz", "UCSF-PDGM-0004", T1C),
        ("UCSF-PDGM-0004_T1_bias.nii.gz", "UCSF-PDGM-0004", T1N),
        ("UCSF-PDGM-0004_FLAIR.nii.gz", "UCSF-PDGM-0004", T2F),
        ("UCSF-PDGM-0004_tumor_segmentation.nii.gz", "UCSF-PDGM-0004", "truth"),
        ("UPENN-GBM-00002_11_T1GD.nii.gz", "UPENN-GBM-00002_11", T1C),
        ("UPENN-GBM-00002_11_T2_unstripped.nii.gz", "UPENN-GBM-00002_11", T2W),
        ("UPENN-GBM-00002_11_segm.nii.gz", "UPENN-GBM-00002_11", "truth"),
        ("UPENN-GBM-00002_11_automated_approx_segm.nii.gz", "UPENN-GBM-00002_11", "truth"),
        ("t1c.nii.gz", "", T1C),
        ("T1POST.nii.gz", "", T1C),
        ("T1.NII.GZ", "", T1N),
        ("seg.nii", "", "truth"),
        ("patient7_fla_bet.nii.gz", "patient7", T2F),
        ("patient7_brain_t1c.nii.gz", "patient7", T1C),
        ("p 7 T2 FLAIR.nii.gz", "p 7", T2F),
        ("p7-T1+C.nii.gz", "p7", T1C),
        ("p7_T1_post.nii.gz", "p7", T1C),
        ("p7_t1_gd.nii.gz", "p7", T1C),
        ("p7_CT1.nii.gz", "p7", T1C),
        ("sub-01_T1w.nii.gz", "sub-01", T1N),
        ("sub-01_ce-GD_T1w.nii.gz", "sub-01", T1C),
        ("case_c_t1.nii.gz", "case_c", T1N),
        ("W39_1998.09.19_Segm.nii", "W39_1998.09.19", "truth"),
    ],
)
def test_the_spellings_in_the_wild(name, case_id, slot):
    reading = read_name(name)
    assert (reading.id, reading.slot) == (case_id, slot)


@pytest.mark.parametrize(
    "name",
    [
        "UCSF-PDGM-0004_ADC.nii.gz",
        "UCSF-PDGM-0004_DWI_bias.nii.gz",
        "UCSF-PDGM-0004_brain_segmentation.nii.gz",
        "UCSF-PDGM-0004_brain_parenchyma_segmentation.nii.gz",
        "p7_t1_mask.nii.gz",
        "brain_mask.nii.gz",
        "BraTS-GLI-00001-000_prediction.nii.gz",
        "p7_pred_seg.nii.gz",
        "seg-BraTS23_1.nii.gz",
        "BRATS_001.nii.gz",
        "standard.nii.gz",
        ".nii.gz",
    ],
)
def test_what_is_neither_a_sequence_nor_truth(name):
    assert read_name(name) is None


def test_the_rank_of_images_for_one_place():
    names = ["p_t1_bet.nii.gz", "p_t1.nii.gz", "p_t1.nii", "p_t1_unstripped.nii.gz"]
    costs = [read_name(name).cost for name in names]
    assert costs == sorted(set(costs))
    assert read_name("p_t1.nii.gz").cost < read_name("p_t1_bias.nii.gz").cost


def test_files_that_macos_leaves_beside_are_no_images():
    assert not is_nifti_name("._BraTS20_Training_001_t1.nii.gz")
    assert is_nifti_name("BraTS20_Training_001_t1.nii")
    assert not is_nifti_name("notes.txt")
