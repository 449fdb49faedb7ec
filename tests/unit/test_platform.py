"""builder.platform: what can be built, and where."""

import platform

import pytest

from builder.errors import UnknownTarget
from builder.platform import CPUS, Target, make_target, this_machine


def test_the_series_of_a_version_is_its_first_two_numbers() -> None:
    assert make_target("3.13.15", "x86_64").series == "3.13"


def test_the_files_in_dist_are_named_by_version_and_lambdas_architecture() -> None:
    assert [Target("3.13.15", cpu).name for cpu in CPUS] == ["cpython-3.13.15-x86_64", "cpython-3.13.15-arm64"]


def test_triplets_use_the_machines_own_name() -> None:
    assert [Target("3.13.15", cpu).triplet for cpu in CPUS] == ["x86_64-linux-gnu", "aarch64-linux-gnu"]


def test_the_layer_runs_on_the_glibc_of_amazon_linux_2() -> None:
    assert make_target("3.13.15", "x86_64").glibc == "2.26"


def test_a_target_prints_everything_that_it_holds() -> None:
    assert str(make_target("3.13.15", "x86_64")) == "cpython-3.13.15-x86_64 (glibc 2.26, x86_64_v2)"


@pytest.mark.parametrize("arch", ["riscv64", "aarch64", "amd64", "X86_64", "", "../x"])
def test_an_unknown_architecture_is_refused_with_the_known_ones(arch: str) -> None:
    with pytest.raises(UnknownTarget) as caught:
        make_target("3.13.15", arch)
    assert repr(arch) in caught.value.what
    assert all(cpu.lambda_name in caught.value.why for cpu in CPUS)
    assert caught.value.do.startswith("Pass --arch ")


@pytest.mark.parametrize(("uname", "name"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_the_machine_at_hand_is_known_by_either_name(monkeypatch: pytest.MonkeyPatch, uname: str, name: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: uname)
    assert this_machine().lambda_name == name


def test_a_machine_without_a_pinned_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(UnknownTarget, match="riscv64"):
        this_machine()
