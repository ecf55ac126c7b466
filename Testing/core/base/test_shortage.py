"""Lack of memory is told alike, whoever reports it, and nothing else is taken for it."""

import errno
import subprocess
import sys
import textwrap

import pytest

from MedDDPMCore.base.errors import ResourceError
from MedDDPMCore.base.shortage import lacks_memory, memory_explained, refusals_explained

SAID = [
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB, other allocations: 1 GB, max allowed: 6 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:72] data. DefaultCPUAllocator: not enough memory: you tried to"),
    RuntimeError("could not create a primitive"),
    RuntimeError("could not create a memory object"),
    RuntimeError("itk::ERROR: Failed to allocate memory for image."),
    RuntimeError("ITK ERROR: PlatformMultiThreader(0x56): Unable to join thread."),
    RuntimeError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    MemoryError(),
    SystemError("error return without exception set"),
    SystemError("<function empty_like at 0x7fdf6a6f2480> returned NULL without setting an exception"),
    RuntimeError("unable to mmap 8000000 bytes from file </a/b>: Cannot allocate memory (12)"),
]  # fmt: skip


@pytest.mark.parametrize("error", SAID, ids=lambda error: (str(error) or "MemoryError")[:40])
def test_every_librarys_words_are_known(error):
    told = pytest.raises(ResourceError, match="The device cuda:0 ran out of memory")
    with told as caught, memory_explained("The device cuda:0", "Make fewer at once."):
        raise error
    assert caught.value.hint == "Make fewer at once." and caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ValueError("memory format"),
        OSError(errno.ENOSPC, "No space left on device"),
        KeyError("memory"),
        ResourceError("The device has 1.0 GB free; this model is out of memory."),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_other_errors_pass_as_they_are(error):
    assert not lacks_memory(error)
    with pytest.raises(type(error)) as caught, memory_explained():
        raise error
    assert caught.value is error


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
def test_under_a_limit_of_address_space_each_library_is_understood():
    code = """
        import numpy, resource, SimpleITK, torch
        from MedDDPMCore.base.errors import ResourceError
        from MedDDPMCore.base.shortage import memory_explained
        torch.set_num_threads(1)
        torch.nn.Conv3d(1, 1, 3)(torch.ones(1, 1, 4, 4, 4))
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (800 << 20),) * 2)
        for work in (
            lambda: bytes(1 << 40),
            lambda: numpy.ones(1 << 36),
            lambda: torch.ones(1 << 36),
            lambda: torch.nn.Conv3d(64, 64, 3)(torch.empty(1, 64, 1, 1, 1).expand(1, 64, 160, 160, 160)),
            lambda: SimpleITK.Image(4000, 4000, 4000, SimpleITK.sitkFloat64),
        ):
            try:
                with memory_explained():
                    work()
            except ResourceError as error:
                print(error.message)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["The computer ran out of memory."] * 5, done.stderr


def test_what_the_system_says_of_a_path_is_told_with_the_path(tmp_path):
    for path in (tmp_path / ("x" * 300), tmp_path / "no such file", tmp_path):
        with pytest.raises(ResourceError, match=str(tmp_path)), refusals_explained():
            path.read_bytes()
    with pytest.raises(OSError, match="nobody"), refusals_explained():
        raise OSError("nobody's path")
