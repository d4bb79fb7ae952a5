"""Runs `.onnx` files in ONNX Runtime; needs the extra `onnx`."""

from pathlib import Path

import numpy as np

from tfi2i.data.pixels import PixelType
from tfi2i.errors import not_installed, reason
from tfi2i.files import stderr_aside
from tfi2i.inference.engines import Engine, refusal


class OnnxEngine(Engine):
    """An `.onnx` file that `tfi2i export` wrote, on the CPU.

    Args:
        path: of the file.
        input_pixels: pixel type of inputs; None is 8 bits of its channels.
        output_pixels: pixel type of outputs; likewise.

    Raises:
        ValueError: it cannot be read, is not an image translator, or ONNX Runtime is
            not installed.
    """

    def __init__(
        self,
        path: Path,
        input_pixels: PixelType | None = None,
        output_pixels: PixelType | None = None,
    ):
        try:
            import onnxruntime
        except ImportError as error:
            raise not_installed(f"'{path}'", error, "onnx") from error
        options = onnxruntime.SessionOptions()
        # Errors are raised; the runtime need not log them.
        options.log_severity_level = 4
        try:
            with stderr_aside():
                # A fallback would print first.
                self._session = onnxruntime.InferenceSession(
                    str(path),
                    options,
                    providers=["CPUExecutionProvider"],
                    enable_fallback=0,
                )
            (taken,) = self._session.get_inputs()
            (painted,) = self._session.get_outputs()
        except MemoryError:
            raise
        # Its errors have no common class but this.
        except Exception as error:
            raise refusal(path, reason(error)) from error
        for end in (taken, painted):
            is_image = len(end.shape) == 4 and isinstance(end.shape[-1], int)
            if end.type != "tensor(float)" or not is_image:
                raise refusal(path, f"its {end.name} is {end.type} of {end.shape}")
        self._name = taken.name
        self.input_pixels = input_pixels or PixelType.of(taken.shape[-1])
        self.output_pixels = output_pixels or PixelType.of(painted.shape[-1])

    def run(self, images: np.ndarray) -> np.ndarray:
        try:
            (outputs,) = self._session.run(None, {self._name: images})
        except MemoryError:
            raise
        except Exception as error:
            height, width = images.shape[1:3]
            raise ValueError(
                f"ONNX Runtime does not run at {height}x{width} pixels "
                f"({reason(error)}): not enough memory, or a size that this .onnx does "
                "not take."
            ) from error
        return outputs
