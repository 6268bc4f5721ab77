"""What does `domain` single out? Accuracy inside and outside, and how many known magnets it recognises.

    python benchmarks/domain.py ../shared/topomat/topomat.parquet runs/cpu

Accuracy is that of the chosen strategy: out of fold on the pool, where the rule and its thresholds were chosen, and on
the test rows, which confirm it. No table of moments comes with the data. The magnets below are well-known ones; only
their formulas count. They helped to choose the rule, so the share that it recognises is no independent measure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Composition

from topofuse.labels import FIVE, LEVELS, coarsen, decide
from topofuse.materials import load
from topofuse.trust.domain import Domain, domain_of, open_shell

IONIC = """
MnO FeO CoO NiO CuO MnS MnSe MnF2 FeF2 CoF2 NiF2 CrF2 CuF2 CrF3 FeF3 MnF3 VF3 Cr2O3 Fe2O3 V2O3 Mn2O3 Ti2O3 CrO2 MnO2
Fe3O4 Mn3O4 Co3O4 LaMnO3 LaCrO3 LaFeO3 LaTiO3 LaVO3 YMnO3 YFeO3 YCrO3 YVO3 BiFeO3 BiMnO3 CaMnO3 SrMnO3 CaCrO3 SrFeO3
CaFeO3 SrCoO3 PbVO3 CrCl3 CrBr3 CrI3 FeCl3 FeBr3 VCl3 VI3 TiCl3 TiBr3 MnCl2 FeCl2 CoCl2 NiCl2 MnBr2 FeBr2 CoBr2
NiBr2 MnI2 NiI2 CoI2 VCl2 VBr2 VI2 CuCl2 CuBr2 La2CuO4 Sr2CuO2Cl2 CaCuO2 K2CuF4 KCuF3 KNiF3 KMnF3 KFeF3 KCoF3 RbMnF3
K2NiF4 K2MnF4 La2NiO4 La2CoO4 La2MnNiO6 Li2CuO2 CuGeO3 LiFePO4 LiMnPO4 LiCoPO4 LiNiPO4 FePO4 CoPO4 CrPO4 CuSO4 NiSO4
CoSO4 MnSO4 FeSO4 MnCO3 FeCO3 CoCO3 NiCO3 FeBO3 MnWO4 CoWO4 NiWO4 FeWO4 CuWO4 CuSeO3 ZnCr2O4 MgCr2O4 CoCr2O4 FeCr2O4
MnFe2O4 CoFe2O4 NiFe2O4 CuFe2O4 ZnFe2O4 ZnV2O4 MgV2O4 CdCr2Se4 ZnCr2Se4 CdCr2S4 HgCr2S4 FeCr2S4 Y3Fe5O12 BaFe12O19
NaFeO2 NaCrO2 LiCrO2 CuCrO2 CuFeO2 AgCrO2 LiMnO2 LiFeO2 NaNiO2 NaCrS2 KCrS2 LiMn2O4 FePS3 MnPS3 NiPS3 CoPS3 FeOCl
CrOCl VOCl TiOCl FeS CuFeS2 CrSBr MnS2 FeOOH NiS Fe7S8 CoGeO3 MnGeO3 Ba2CoGe2O7 Ca2CoSi2O7 MnTiO3 FeTiO3 CoTiO3
NiTiO3 MnPSe3 CrPS4 CaV2O4 Co2SiO4 Mn2SiO4 Fe2SiO4 CrN Sr2IrO4 Na2IrO3 RuCl3 Ca2RuO4 SrRuO3 NaOsO3 Ba2NaOsO6 LiOsO3
SrTcO3 CaTcO3 Ca3LiOsO6 Ba2YMoO6 Sr2YRuO6 AgF2 MoCl3 Li2RuO3 K2ReCl6 K2IrCl6 K2OsCl6 EuO EuS EuSe EuTiO3 EuCl2 EuI2
GdN Gd2O3 GdCl3 GdFeO3 GdMnO3 UO2 UCl4 UCl3 UF4 UI3 US USe NpO2 Np2O5 UOS CeCl3 CeF3 Ce2O3 CeS PuCl3
"""
METALLIC = """
Fe Co Ni Mn Cr Gd Mn2Au MnBi MnSb MnAs MnP MnTe MnPt MnPd MnNi MnIr MnRh FePt FePd CoPt FeRh FeCo Mn3Sn Mn3Ge Mn3Ga
Mn3Pt Mn3Ir Mn3Rh Mn2Sb Mn5Si3 Mn5Ge3 MnSi MnGe FeGe Fe3Si Fe3Al Fe3Sn2 FeSn Fe3Sn Co3Sn2S2 Co2MnSi Co2MnGa Co2MnAl
Co2FeSi Co2FeAl Ni2MnGa Ni2MnSn NiMnSb PtMnSb CuMnSb CuMnAs Fe3GeTe2 Fe5GeTe2 Cr2Ge2Te6 CrSiTe3 CrTe Cr2Te3 CrSb
CrAs MnBi2Te4 MnSb2Te4 EuCd2As2 EuMnBi2 EuIn2As2 EuTe EuSn2P2 EuB6 GdB6 GdPtBi GdSb Nd2Fe14B SmCo5 YCo5 YFe2 ZrFe2
DyFe2 TbFe2 Y2Fe17 Fe4N Fe3C Fe2P Fe2B FeB Co2P MnB Fe2As CrGe Mn3Cu UGe2 UTe UP UAs USb UN UPd3 UPt3 URu2Si2 NpAs
PuSb UMn2 UFe2 UCo2Al3 CaMnBi2 SrMnBi2 SrMnSb2 BaMn2As2 BaMn2Bi2 BaFe2As2 SrFe2As2 CaFe2As2 LiFeAs NaFeAs FeTe FeSe
LaFeAsO LaMnAsO BaCrAs2 BaCr2As2 LaMn2Si2 LaMn2Ge2 YMn6Sn6 YMn6Ge6 MgMn6Sn6 LiMn6Sn6 MnFe2Si Fe2MnSi Fe2CoGe Co2CrAl
Co2VGa Mn2VAl Mn2CoAl CoMnSb FeMnSb Fe2CrAl MnAl MnGa MnAu MnAu2 Mn3GaC Mn3GaN Mn3NiN Mn3SnN Mn4N Mn3ZnC AlFe2B2
LaCo13 CeFe2 CeIn3 CeRhIn5 CeRh2Si2 CeAl2 CePd2Si2
"""


def numbers_of(formula: str) -> np.ndarray:
    return np.concatenate([np.repeat(e.Z, int(n)) for e, n in Composition(formula).items()])


def magnets() -> None:
    for title, names in (("ionic", IONIC.split()), ("metallic and covalent", METALLIC.split())):
        missed = [name for name in names if not open_shell(numbers_of(name))]
        print(
            f"{title} magnets: {len(names) - len(missed)} of {len(names)} are likely_magnetic; not: {' '.join(missed)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args()
    data = load(arguments.data)
    row = {name: i for i, name in enumerate(data.material_ids)}
    table = pd.read_parquet(arguments.run / "predictions.parquet")
    codes = decide(table[[f"super_weighted:p_{name}" for name in FIVE]].to_numpy(dtype=float))
    labels = np.array([FIVE.index(label) for label in table["label"]])
    domains = np.array([domain_of(data.crystals[row[name]].numbers) for name in table["material_id"]])
    for split in ("pool", "test"):
        rows = (table["split"] == split).to_numpy()
        for domain in Domain:
            inside = rows & (domains == domain)
            if not inside.any():
                continue
            right = [np.mean(coarsen(codes[inside], k) == coarsen(labels[inside], k)) for k in LEVELS]
            shares = ", ".join(f"{100 * share:.1f} %" for share in right)
            print(f"{split}, {domain}: {inside.sum():,} rows ({100 * inside.sum() / rows.sum():.2f} %), "
                  f"accuracy for two, three, five classes {shares}")  # fmt: skip
    outside = data.rows("unlabelled")
    counts = pd.Series([str(domain_of(data.crystals[i].numbers)) for i in outside]).value_counts()
    print("without a label:", counts.to_dict())
    magnets()


if __name__ == "__main__":
    main()
