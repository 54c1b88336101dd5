/*
 * SwiGLU and its gradient.
 * -D: ACTIVATION (float or bf16), PACK (values of an access).
 */
#include "scalar.cuh"

typedef Pack<ACTIVATION, PACK> pack_t;

/* out[N, F] = silu(g)·u for gateUp[N, 2F] = (g, u). */
extern "C" __global__ void __launch_bounds__(256) swiglu(ACTIVATION *__restrict__ out_NF, const ACTIVATION *__restrict__ gateUp_NX, int N, int F) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  const ACTIVATION *gate_F = gateUp_NX + (long long)row * 2 * F, *up_F = gate_F + F;
  ACTIVATION *out_F = out_NF + (long long)row * F;
#pragma unroll 2
  for (int f = threadIdx.x * PACK; f < F; f += blockDim.x * PACK) {
    pack_t gate, up;
    gate.load(gate_F + f);
    up.load(up_F + f);
#pragma unroll
    for (int i = 0; i < PACK; i++) up.values[i] *= gate.values[i] * sigmoid(gate.values[i]);
    up.store(out_F + f);
  }
}

/* With s = sigmoid g: dg = dOut·u·s·(1 + g·(1 − s)), du = dOut·g·s. dGateUp may be gateUp: each value is read before it is written. */
extern "C" __global__ void __launch_bounds__(256) swiglu_backward(ACTIVATION *dGateUp_NX, const ACTIVATION *__restrict__ dOut_NF, const ACTIVATION *gateUp_NX, int N, int F) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  const long long start = (long long)row * 2 * F;
  for (int f = threadIdx.x * PACK; f < F; f += blockDim.x * PACK) {
    pack_t gate, up, d;
    gate.load(gateUp_NX + start + f);
    up.load(gateUp_NX + start + F + f);
    d.load(dOut_NF + (long long)row * F + f);
#pragma unroll
    for (int i = 0; i < PACK; i++) {
      const float g = gate.values[i], u = up.values[i], s = sigmoid(g);
      gate.values[i] = d.values[i] * u * s * (1.0f + g * (1.0f - s));
      up.values[i] = d.values[i] * g * s;
    }
    gate.store(dGateUp_NX + start + f);
    up.store(dGateUp_NX + start + F + f);
  }
}
