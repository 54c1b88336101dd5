/*
 * Modules: an image is a shared object of g++'s, whose length its ELF header tells. Launches are checked as the driver does, copied, and
 * run when their stream does.
 */
#include "block.h"
#include "memory.h"
#include "stream.h"
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <memory>
#include <set>
#include <unistd.h>

struct CUfunc_st {
  CUmodule module;
  const emulated_kernel *kernel;
  int dynamic_limit;
};
struct CUmod_st {
  void *library;
  const emulated_module *description;
  emulator::SharedMemory shared;
  std::vector<std::unique_ptr<CUfunc_st>> functions;
};

namespace emulator {

static std::set<CUmodule> modules;
static std::set<CUfunction> functions;
/* Without the attribute that asks for more. */
static const int PLAIN_SHARED_BYTES = 48 << 10;

static size_t image_bytes(const void *image) {
  Elf64_Ehdr header;
  memcpy(&header, image, sizeof header);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN) return 0;
  return size_t(header.e_shoff) + size_t(header.e_shnum) * header.e_shentsize;
}

/* A file with a name of its own, which dlopen takes for the identity of a library: the same image may be loaded twice. */
static void *load_library(const void *image, size_t bytes) {
  std::error_code failure;
  std::string path = (std::filesystem::temp_directory_path(failure) / "emulated-module-XXXXXX").string();
  const int file = failure ? -1 : mkstemp(path.data());
  if (file < 0) return nullptr;
  size_t written = 0;
  while (written < bytes) {
    const ssize_t more = write(file, static_cast<const char *>(image) + written, bytes - written);
    if (more <= 0) break;
    written += size_t(more);
  }
  close(file);
  void *const library = written == bytes ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr && written == bytes) complain("a module cannot be loaded: %s", dlerror());
  unlink(path.c_str());
  return library;
}

/* The static arrays are the library's uninitialised data. */
static SharedMemory shared_memory(const void *image, const emulated_module *description) {
  const char *const bytes = static_cast<const char *>(image);
  Elf64_Ehdr header;
  memcpy(&header, bytes, sizeof header);
  Dl_info where;
  dladdr(description, &where);
  unsigned char *const base = static_cast<unsigned char *>(where.dli_fbase);
  const auto section = [&](size_t number) {
    Elf64_Shdr of;
    memcpy(&of, bytes + header.e_shoff + number * header.e_shentsize, sizeof of);
    return of;
  };
  const char *const names = bytes + section(header.e_shstrndx).sh_offset;
  for (size_t i = 0; i < header.e_shnum; i++) {
    const Elf64_Shdr of = section(i);
    if (strcmp(names + of.sh_name, ".bss") == 0) return {base + of.sh_addr, base + of.sh_addr + of.sh_size, description->dynamic_shared};
  }
  return {base, base, description->dynamic_shared};
}

static CUresult load(CUmodule *module, const void *image) {
  if (module == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const size_t bytes = image_bytes(image);
  if (bytes == 0) return CUDA_ERROR_INVALID_IMAGE;
  void *const library = load_library(image, bytes);
  if (library == nullptr) return CUDA_ERROR_INVALID_IMAGE;
  const auto *const description = static_cast<const emulated_module *>(dlsym(library, "emulated_module_description"));
  if (description == nullptr) {
    dlclose(library);
    return CUDA_ERROR_INVALID_IMAGE;
  }
  /* Machine code of one generation runs on later ones of the same major number. */
  const int card = int(settings.computeCapability), wanted = description->architecture;
  if (wanted / 10 != card / 10 || wanted > card) {
    dlclose(library);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  *module = new CUmod_st{library, description, shared_memory(image, description), {}};
  modules.insert(*module);
  return CUDA_SUCCESS;
}

static void unload(CUmodule module) {
  for (const auto &function : module->functions) functions.erase(function.get());
  dlclose(module->library);
  modules.erase(module);
  delete module;
}

void reset_modules() {
  while (!modules.empty()) unload(*modules.begin());
}

/* Of all kernels of its file together. */
static int static_shared_bytes(CUfunction function) {
  const SharedMemory &shared = function->module->shared;
  return int(shared.end - shared.begin);
}

static CUresult check_launch(CUfunction function, dim3 grid, dim3 block, unsigned shared_bytes) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) return CUDA_ERROR_INVALID_VALUE;
  if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (block.x > 1024 || block.y > 1024 || block.z > 64) return CUDA_ERROR_INVALID_VALUE;
  const unsigned threads = block.x * block.y * block.z;
  if (threads > 1024 || shared_bytes > unsigned(function->dynamic_limit)) return CUDA_ERROR_INVALID_VALUE;
  const int bound = function->kernel->max_threads;
  return bound > 0 && threads > unsigned(bound) ? CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES : CUDA_SUCCESS;
}

static std::string words(const char *name, dim3 grid, dim3 block, unsigned shared_bytes) {
  return text("launch %s %ux%ux%u %ux%ux%u %u", name, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes);
}

/* An argument of a pointer's type is null or lies in (or just behind) memory of the device. */
static bool check_pointers(const Launch &launch) {
  for (int i = 0; i < launch.kernel->parameter_count; i++) {
    if (!launch.kernel->parameters[i].pointer) continue;
    const void *address;
    memcpy(&address, launch.parameters[size_t(i)], sizeof address);
    if (address == nullptr || find_device(address).base != nullptr) continue;
    complain("kernel %s: argument %d points to %s", launch.name.c_str(), i, describe_address(address).c_str());
    return false;
  }
  return true;
}

static CUresult run_launch(const Launch &launch, CUfunction function) {
  if (functions.count(function) == 0) {
    complain("kernel %s: its module was unloaded before it ran", launch.name.c_str());
    return CUDA_ERROR_LAUNCH_FAILED;
  }
  counts.launches++;
  if (!check_pointers(launch)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  const CUresult status = run_kernel(launch);
  const bool whole = check_guards(("after kernel " + launch.name).c_str());
  return status == CUDA_SUCCESS && !whole ? CUDA_ERROR_ILLEGAL_ADDRESS : status;
}

/* The launch with its arguments copied; they live as long as the work does. */
static Work work_of(CUfunction function, dim3 grid, dim3 block, unsigned shared_bytes, void **parameters) {
  const emulated_kernel &kernel = *function->kernel;
  auto launch = std::make_shared<Launch>(Launch{kernel.name, function->module->shared, &kernel, grid, block, shared_bytes, {}});
  auto values = std::make_shared<std::vector<std::vector<char>>>();
  for (int i = 0; i < kernel.parameter_count; i++) {
    const char *const from = static_cast<const char *>(parameters[i]);
    values->emplace_back(from, from + kernel.parameters[i].bytes);
  }
  for (std::vector<char> &value : *values) launch->parameters.push_back(value.data());
  return {words(kernel.name, grid, block, shared_bytes), [launch, values, function] { return run_launch(*launch, function); }};
}

/* What the JIT compiler would say goes to the buffer of option 5, whose size is option 6. */
static void tell(unsigned count, const int *options, void *const *values, const char *what) {
  char *buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; i++) {
    if (options[i] == 5) buffer = static_cast<char *>(values[i]);
    if (options[i] == 6) bytes = reinterpret_cast<size_t>(values[i]) & 0xffffffffu;
  }
  if (buffer == nullptr || bytes == 0) return;
  strncpy(buffer, what, bytes - 1);
  buffer[bytes - 1] = 0;
}

} // namespace emulator

using namespace emulator;

extern "C" {

CUresult CUDAAPI cuModuleLoadData(CUmodule *module, const void *image) {
  ENTER(cuModuleLoadData);
  if (const CUresult refused = refuse_while_capturing("cuModuleLoadData")) return refused;
  return load(module, image);
}

CUresult CUDAAPI cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options, void **values) {
  ENTER(cuModuleLoadDataEx);
  if (const CUresult refused = refuse_while_capturing("cuModuleLoadDataEx")) return refused;
  const CUresult status = load(module, image);
  if (status != CUDA_SUCCESS && count > 0)
    tell(count, reinterpret_cast<int *>(options), values, "this image was not compiled by the emulator for its card");
  return status;
}

CUresult CUDAAPI cuModuleUnload(CUmodule module) {
  ENTER(cuModuleUnload);
  if (const CUresult refused = refuse_while_capturing("cuModuleUnload")) return refused;
  if (modules.count(module) == 0) return CUDA_ERROR_INVALID_HANDLE;
  const CUresult status = run_everything();
  unload(module);
  return status;
}

CUresult CUDAAPI cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  ENTER(cuModuleGetFunction);
  if (function == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (modules.count(module) == 0) return CUDA_ERROR_INVALID_HANDLE;
  for (const auto &known : module->functions)
    if (strcmp(known->kernel->name, name) == 0) return *function = known.get(), CUDA_SUCCESS;
  for (int i = 0; i < module->description->kernel_count; i++) {
    const emulated_kernel *const kernel = module->description->kernels + i;
    if (strcmp(kernel->name, name) != 0) continue;
    module->functions.emplace_back(new CUfunc_st{module, kernel, PLAIN_SHARED_BYTES});
    *function = module->functions.back().get();
    functions.insert(*function);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult CUDAAPI cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction function) {
  ENTER(cuFuncGetAttribute);
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (functions.count(function) == 0) return CUDA_ERROR_INVALID_HANDLE;
  const int bound = function->kernel->max_threads;
  switch (which) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = bound > 0 ? bound : 1024; break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = static_shared_bytes(function); break;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = 0; break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = function->module->description->architecture; break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->dynamic_limit; break;
  default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction function, CUfunction_attribute which, int value) {
  ENTER(cuFuncSetAttribute);
  if (functions.count(function) == 0) return CUDA_ERROR_INVALID_HANDLE;
  if (which == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return CUDA_SUCCESS;
  if (which != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_INVALID_VALUE;
  /* Which kernel of a file has which static arrays is not known. */
  const int beside = function->module->description->kernel_count == 1 ? static_shared_bytes(function) : 0;
  if (value < 0 || value + beside > settings.sharedBytesPerBlock) return CUDA_ERROR_INVALID_VALUE;
  function->dynamic_limit = value;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters,
                                void **extra) {
  ENTER(cuLaunchKernel);
  if (functions.count(function) == 0 || !is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (extra != nullptr || (parameters == nullptr && function->kernel->parameter_count > 0)) return CUDA_ERROR_INVALID_VALUE;
  const dim3 grid(grid_x, grid_y, grid_z), block(block_x, block_y, block_z);
  if (const CUresult refused = check_launch(function, grid, block, shared_bytes)) return refused;
  return enqueue(stream, work_of(function, grid, block, shared_bytes, parameters));
}
}
