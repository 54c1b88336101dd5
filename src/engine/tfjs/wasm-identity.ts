/**
 * `Identity` without a copy for tfjs's wasm backend.
 *
 * Automatic differentiation clones every tensor it saves. The stock kernel copies the numbers; the backend counts references anyway
 * (its `Reshape` shares memory), so the clone can share them too: tensors are never written to.
 */
import * as tf from "@tensorflow/tfjs-core";

interface CountingBackend {
  incRef(dataId: tf.DataId): void;
}

/** Replaces the kernel. */
export function installSharedIdentity(): void {
  tf.unregisterKernel("Identity", "wasm");
  tf.registerKernel({
    kernelName: "Identity",
    backendName: "wasm",
    kernelFunc: ({ inputs, backend }) => {
      const { x } = inputs;
      if (x === undefined) throw new Error("Identity needs x");
      (backend as CountingBackend).incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    },
  });
}
