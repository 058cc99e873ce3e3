"""What drivers say when a card fails, by the words they really use."""

import pytest

from orpo_studio.runs.device_faults import find_device_fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RuntimeError: CUDA error: unspecified launch failure", "in the middle"),
        ("torch.AcceleratorError: CUDA error: an illegal memory access was encountered", "in the middle"),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`", "in the middle"),
        ("CUDA error: device-side assert triggered", "out of range"),
        ("RuntimeError: CUDA error: uncorrectable ECC error encountered", "ECC"),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "does not support"),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 11040).", "too old"),
        ("CUDA error: CUDA driver version is insufficient for CUDA runtime version", "too old"),
        ("RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable", "another program"),
        ("RuntimeError: No CUDA GPUs are available", "was lost"),
        ("CUDA error: the launch timed out and was terminated", "too long"),
        ("HIP error: unspecified launch failure", "in the middle"),
        (
            "terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: unknown error\n",
            "middle",
        ),
        ("CUDA error: something that nobody has seen yet", "reported an error"),
    ],
)
def test_that_a_failure_of_the_card_is_told_in_words(text: str, words: str) -> None:
    fault = find_device_fault(f"step 12\n{text}\nCompile with TORCH_USE_CUDA_DSA\n")

    assert fault is not None
    assert words in fault.title
    assert fault.hint
    assert fault.line in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).",
        "Illegal instruction (core dumped)",
        "ValueError: unknown error",
    ],
)
def test_that_other_ends_are_not_blamed_on_the_card(text: str) -> None:
    assert find_device_fault(text) is None
