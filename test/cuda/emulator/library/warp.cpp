/*
 * What the lanes of a warp do together, done by the last of them to come. Fragment layouts are those of the PTX manual: "Matrix Fragments
 * for mma.m16n8k16 with floating point type", "ldmatrix".
 */
#include "block.h"
#include "memory.h"
#include <cstring>

using namespace emulator;

template <typename Slot> static Slot &slot_of(void *const *slots, unsigned lane) { return *static_cast<Slot *>(slots[lane]); }

template <typename Visit> static void each_lane(unsigned lanes, Visit visit) {
  for (unsigned lane = 0; lane < 32; lane++)
    if (lanes >> lane & 1u) visit(lane);
}

static void require_warp(unsigned arrived, const char *what) {
  if (arrived != ~0u) abort_block(CUDA_ERROR_LAUNCH_FAILED, "%s needs all 32 lanes of the warp, only %#x came", what, arrived);
}

static float from_bf16(unsigned bits) {
  const unsigned wide = bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

extern "C" {

void emulated_complete_sync(void *const *, unsigned) {}

void emulated_complete_shuffle(void *const *slots, unsigned arrived) {
  each_lane(arrived, [&](unsigned lane) {
    emulated_shuffle_slot &slot = slot_of<emulated_shuffle_slot>(slots, lane);
    if ((arrived >> slot.source & 1u) == 0)
      abort_block(CUDA_ERROR_LAUNCH_FAILED, "a shuffle of lane %u reads lane %u, which takes no part (%#x do)", lane, slot.source, arrived);
    slot.result = slot_of<emulated_shuffle_slot>(slots, slot.source).value;
  });
}

void emulated_complete_vote(void *const *slots, unsigned arrived) {
  unsigned votes = 0;
  each_lane(arrived, [&](unsigned lane) { votes |= unsigned(slot_of<emulated_vote_slot>(slots, lane).predicate) << lane; });
  each_lane(arrived, [&](unsigned lane) { slot_of<emulated_vote_slot>(slots, lane).result = votes; });
}

void emulated_complete_match(void *const *slots, unsigned arrived) {
  each_lane(arrived, [&](unsigned lane) {
    emulated_match_slot &slot = slot_of<emulated_match_slot>(slots, lane);
    slot.result = 0;
    each_lane(arrived, [&](unsigned other) {
      slot.result |= unsigned(slot_of<emulated_match_slot>(slots, other).value == slot.value) << other;
    });
  });
}

static unsigned reduced(decltype(emulated_reduce_slot::operation) operation, unsigned x, unsigned y) {
  switch (operation) {
  case emulated_reduce_slot::ADD: return x + y;
  case emulated_reduce_slot::MIN: return x < y ? x : y;
  case emulated_reduce_slot::MAX: return x > y ? x : y;
  case emulated_reduce_slot::MIN_SIGNED: return int(x) < int(y) ? x : y;
  case emulated_reduce_slot::MAX_SIGNED: return int(x) > int(y) ? x : y;
  case emulated_reduce_slot::AND: return x & y;
  case emulated_reduce_slot::OR: return x | y;
  case emulated_reduce_slot::XOR: return x ^ y;
  }
  return x;
}

void emulated_complete_reduce(void *const *slots, unsigned arrived) {
  bool first = true;
  unsigned result = 0;
  each_lane(arrived, [&](unsigned lane) {
    const emulated_reduce_slot &slot = slot_of<emulated_reduce_slot>(slots, lane);
    result = first ? slot.value : reduced(slot.operation, result, slot.value);
    first = false;
  });
  each_lane(arrived, [&](unsigned lane) { slot_of<emulated_reduce_slot>(slots, lane).result = result; });
}

/* A row of eight, which g++ keeps in one register where there is one so wide. */
typedef float Row __attribute__((vector_size(32)));

/* Lane 4g + t holds, of A[16][16], rows g and g + 8 at columns 2t, 2t + 1, 2t + 8, 2t + 9; of B[16][8], the same rows of column g. */
void emulated_complete_mma(void *const *slots, unsigned arrived) {
  require_warp(arrived, "mma");
  float a[16][16];
  Row b[16], d[16];
  for (unsigned lane = 0; lane < 32; lane++) {
    const emulated_mma_slot slot = slot_of<emulated_mma_slot>(slots, lane);
    const unsigned g = lane / 4, t = 2 * (lane % 4);
    for (unsigned i = 0; i < 4; i++) {
      float *const to = &a[g + i % 2 * 8][t + i / 2 * 8];
      to[0] = from_bf16(slot.a[i] & 0xffff), to[1] = from_bf16(slot.a[i] >> 16);
    }
    for (unsigned i = 0; i < 2; i++) {
      b[t + i * 8][g] = from_bf16(slot.b[i] & 0xffff), b[t + i * 8 + 1][g] = from_bf16(slot.b[i] >> 16);
      d[g + i * 8][t] = slot.d[2 * i], d[g + i * 8][t + 1] = slot.d[2 * i + 1];
    }
  }
  for (unsigned m = 0; m < 16; m++)
    for (unsigned k = 0; k < 16; k++) d[m] += a[m][k] * b[k];
  for (unsigned lane = 0; lane < 32; lane++) {
    float *const to = slot_of<emulated_mma_slot>(slots, lane).d;
    const unsigned g = lane / 4, t = 2 * (lane % 4);
    to[0] = d[g][t], to[1] = d[g][t + 1], to[2] = d[g + 8][t], to[3] = d[g + 8][t + 1];
  }
}

static const unsigned short *matrix_row(void *const *slots, unsigned matrix, unsigned row) {
  const unsigned lane = matrix * 8 + row;
  const void *const address = slot_of<emulated_ldmatrix_slot>(slots, lane).row;
  if (reinterpret_cast<size_t>(address) % 16 != 0)
    abort_block(CUDA_ERROR_MISALIGNED_ADDRESS, "ldmatrix: the row of lane %u is not aligned to 16 bytes", lane);
  if (!is_shared(address, 16))
    abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "ldmatrix: the row of lane %u is not in the block's shared memory", lane);
  return static_cast<const unsigned short *>(address);
}

/* Register i of lane 4r + c gets of matrix i row r, columns 2c and 2c + 1; transposed, of column r the rows 2c and 2c + 1. */
void emulated_complete_ldmatrix(void *const *slots, unsigned arrived) {
  require_warp(arrived, "ldmatrix");
  const emulated_ldmatrix_slot first = slot_of<emulated_ldmatrix_slot>(slots, 0);
  unsigned short matrices[4][8][8];
  for (unsigned matrix = 0; matrix < unsigned(first.matrices); matrix++)
    for (unsigned row = 0; row < 8; row++) memcpy(matrices[matrix][row], matrix_row(slots, matrix, row), 16);
  for (unsigned lane = 0; lane < 32; lane++) {
    const emulated_ldmatrix_slot &slot = slot_of<emulated_ldmatrix_slot>(slots, lane);
    if (slot.matrices != first.matrices || slot.transposed != first.transposed)
      abort_block(CUDA_ERROR_LAUNCH_FAILED, "the lanes of a warp load matrices of different kinds");
    const unsigned r = lane / 4, c = 2 * (lane % 4);
    for (int i = 0; i < slot.matrices; i++) {
      const auto &m = matrices[i];
      const unsigned low = slot.transposed ? m[c][r] : m[r][c], high = slot.transposed ? m[c + 1][r] : m[r][c + 1];
      slot.r[i] = low | high << 16;
    }
  }
}

/* What a thread may not yet read is NaN until it has waited. */
void emulated_start_copy(emulated_site site, void *shared, const void *global, unsigned bytes, bool valid) {
  if (reinterpret_cast<size_t>(shared) % bytes != 0 || (valid && reinterpret_cast<size_t>(global) % bytes != 0))
    abort_block(CUDA_ERROR_MISALIGNED_ADDRESS, "%s:%d: an asynchronous copy of %u bytes is misaligned", site.file, site.line, bytes);
  if (!is_shared(shared, bytes))
    abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "%s:%d: an asynchronous copy does not go to shared memory", site.file, site.line);
  if (valid && !is_device(CUdeviceptr(reinterpret_cast<size_t>(global)), bytes))
    abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "%s:%d: an asynchronous copy reads %s", site.file, site.line, describe_address(global).c_str());
  memset(shared, 0xff, bytes);
  AsyncCopies &copies = copies_of_thread();
  copies.begun.push_back({shared, global, bytes, valid, copies.committed});
}

void emulated_commit_copies(void) { copies_of_thread().committed++; }

void emulated_wait_copies(int pending) {
  AsyncCopies &copies = copies_of_thread();
  size_t kept = 0;
  for (const AsyncCopy &copy : copies.begun) {
    if (copy.group >= copies.committed - pending) copies.begun[kept++] = copy;
    else if (copy.valid) memcpy(copy.to, copy.from, copy.bytes);
    else memset(copy.to, 0, copy.bytes);
  }
  copies.begun.resize(kept);
}
}

/* What g++ calls where -fsanitize finds an error in a kernel: its own layout of the place and the type. */
namespace {
struct Location {
  const char *file;
  unsigned line, column;
};
struct Type {
  unsigned short kind, info;
  char name[1];
};
struct Mismatch {
  Location location;
  const Type *type;
  unsigned char log_alignment, kind;
};
struct Bounds {
  Location location;
  const Type *array, *index;
};
} // namespace

extern "C" {

void __ubsan_handle_type_mismatch_v1_abort(Mismatch *data, size_t address) {
  abort_block(CUDA_ERROR_MISALIGNED_ADDRESS, "%s:%u: an access of %s at an address that is %zu bytes from an alignment of %u",
              data->location.file, data->location.line, data->type->name, address % (size_t(1) << data->log_alignment),
              1u << data->log_alignment);
}

void __ubsan_handle_out_of_bounds_abort(Bounds *data, size_t index) {
  abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "%s:%u: index %lld is outside of an array of type %s", data->location.file,
              data->location.line, (long long)index, data->array->name);
}
}
