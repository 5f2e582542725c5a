"""FAISS itself: absent, present twice, or with a GPU."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from dsv3.errors import MissingExtra, ShopError
from dsv3.indexer.vectors import backend


@pytest.mark.parametrize("wheels", [["faiss-gpu"], ["faiss-gpu-cu12"], ["faiss-cpu", "faiss-gpu"]])
def test_a_gpu_wheel_without_its_classes_is_an_error_that_says_how_to_mend_it(
    wheels: list[str],
) -> None:
    with pytest.raises(ShopError, match="overwrite each other") as caught:
        backend.check_wheels(SimpleNamespace(), wheels)
    message = str(caught.value)
    assert "\n" not in message
    assert "pip uninstall -y" in message
    assert all(wheel in message.split("uninstall", 1)[1] for wheel in wheels)


@pytest.mark.parametrize("wheels", [[], ["faiss-cpu"]])
def test_a_cpu_wheel_alone_is_fine(wheels: list[str]) -> None:
    backend.check_wheels(SimpleNamespace(), wheels)


def test_a_gpu_wheel_with_its_classes_is_fine() -> None:
    backend.check_wheels(SimpleNamespace(GpuIndexFlat=object), ["faiss-gpu-cu12"])


def test_the_installed_wheel_is_found() -> None:
    assert any(name.startswith("faiss") for name in backend.installed_distributions())


def test_absent_faiss_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    backend.faiss.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"pip install 'dsv3\[cpu\]'"):
            backend.faiss()
    finally:
        backend.faiss.cache_clear()


def test_no_gpu_is_counted_without_gpu_classes() -> None:
    assert backend.gpu_count(SimpleNamespace(get_num_gpus=lambda: 3)) == 0
    with_gpu = SimpleNamespace(GpuIndexFlat=object, get_num_gpus=lambda: 3)
    assert backend.gpu_count(with_gpu) == 3


def test_a_single_query_runs_on_one_thread_and_restores_the_count() -> None:
    module = backend.faiss()
    before = module.omp_get_max_threads()
    with backend.threads_for(module, 1):
        assert module.omp_get_max_threads() == 1
    assert module.omp_get_max_threads() == before
    with backend.threads_for(module, 9):
        assert module.omp_get_max_threads() == before


def test_importing_the_folder_does_not_import_faiss() -> None:
    code = (
        "import sys, dsv3.indexer.vectors.build, dsv3.indexer.vectors.load;"
        "sys.exit('faiss' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
