/*
 * Kernel text becomes a shared object in three steps: g++ preprocesses it with the prelude in front, `rewrite.cpp` replaces CUDA's keywords,
 * g++ compiles that. Results are kept beside the library, by content.
 *
 * The checks of -fsanitize call the emulator (`warp.cpp`): misaligned accesses, indices outside of arrays whose size is known.
 */
#include "compile.h"
#include "process.h"
#include "rewrite.h"
#include "state.h"
#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define EMBED(symbol, file)                                                                                                          \
  __asm__(".section .rodata\n.globl " #symbol "\n.hidden " #symbol "\n" #symbol ": .incbin \"" file "\"\n.byte 0\n.previous\n");     \
  extern "C" const char symbol[]

EMBED(embedded_abi, "kernel/abi.h");
EMBED(embedded_prelude, "kernel/prelude.h");
EMBED(embedded_math, "kernel/math.h");
EMBED(embedded_collective, "kernel/collective.h");
EMBED(embedded_module, "kernel/module.h");

#ifndef EMULATOR_COMPILER
#define EMULATOR_COMPILER "g++"
#endif

namespace emulator {

static const std::vector<std::string> LANGUAGE = {"-std=c++17", "-nostdinc", "-Wno-attributes", "-Wno-unknown-pragmas"};
static const std::vector<std::string> CODE = {
    "-O2", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-strict-aliasing", "-fPIC", "-fno-plt",
    "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-stack-protector", "-fstack-clash-protection",
    "-fno-asynchronous-unwind-tables", "-fsanitize=alignment,bounds", "-fno-sanitize-recover=all", "-shared", "-nostdlib",
    "-Wl,-z,noexecstack", "-Wl,--build-id=none"};

/* What NVRTC's options mean here. */
struct Options {
  std::vector<std::string> defines;
  int architecture = 52;
  bool real = false;
  std::string refused;
};

static bool begins(const std::string &value, const char *with) { return value.rfind(with, 0) == 0; }

static void take_architecture(Options &options, const std::string &value) {
  const size_t digits = value.find('_');
  if ((!begins(value, "sm_") && !begins(value, "compute_")) || digits == std::string::npos) {
    options.refused = "invalid value for --gpu-architecture: " + value;
    return;
  }
  options.real = begins(value, "sm_");
  options.architecture = atoi(value.c_str() + digits + 1);
}

/* Options that change nothing here. */
static bool harmless(const std::string &option) {
  for (const char *known : {"-std=", "--std=", "-use_fast_math", "--use_fast_math", "-fmad=", "--fmad=", "-lineinfo", "--generate-line-info",
                            "-G", "-default-device", "--device-as-default-execution-space", "-maxrregcount=", "--maxrregcount=", "-O",
                            "-w", "-diag-", "--diag-", "-extra-device-vectorization", "--extra-device-vectorization", "-restrict",
                            "--restrict", "-ftz=", "--ftz=", "-prec-div=", "--prec-div=", "-prec-sqrt=", "--prec-sqrt=", "-dopt",
                            "--dopt", "-Xptxas", "--ptxas-options", "-no-cache", "--no-cache", "-pch", "--pch", "-split-compile",
                            "--split-compile", "-minimal", "--minimal"})
    if (begins(option, known)) return true;
  return false;
}

static Options understood(const std::vector<std::string> &given) {
  Options options;
  for (size_t i = 0; i < given.size() && options.refused.empty(); i++) {
    const std::string &option = given[i];
    const size_t equals = option.find('=');
    if (option == "-D" && i + 1 < given.size()) options.defines.push_back("-D" + given[++i]);
    else if (begins(option, "-D")) options.defines.push_back(option);
    else if (begins(option, "--define-macro=")) options.defines.push_back("-D" + option.substr(equals + 1));
    else if (begins(option, "-arch=") || begins(option, "--gpu-architecture=")) take_architecture(options, option.substr(equals + 1));
    else if (!harmless(option)) options.refused = "unrecognized option " + option + " found";
  }
  return options;
}

static std::string base_name(const std::string &path) { return path.substr(path.find_last_of('/') + 1); }

static const std::string &own_path() {
  static const std::string path = [] {
    Dl_info self;
    dladdr(reinterpret_cast<void *>(&own_path), &self);
    char *const whole = realpath(self.dli_fname, nullptr);
    const std::string found = whole == nullptr ? self.dli_fname : whole;
    free(whole);
    return found;
  }();
  return path;
}

/* Two hashes of 64 bits (FNV-1a forwards and backwards), in hexadecimal. */
static std::string key_of(const std::string &value) {
  unsigned long long forwards = 0xcbf29ce484222325u, backwards = forwards;
  for (size_t i = 0; i < value.size(); i++) {
    forwards = (forwards ^ static_cast<unsigned char>(value[i])) * 0x100000001b3u;
    backwards = (backwards ^ static_cast<unsigned char>(value[value.size() - 1 - i])) * 0x100000001b3u;
  }
  return text("%016llx%016llx", forwards, backwards);
}

/* g++ says file:line:column: error:, NVRTC file(line): error: */
static std::string in_nvrtc_form(const std::string &log, const std::string &name) {
  std::string out;
  int errors = 0;
  for (size_t begin = 0; begin < log.size();) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    std::string line = log.substr(begin, end - begin);
    begin = end + 1;
    const size_t error = line.find(": error: "), fatal = line.find(": fatal error: "), warning = line.find(": warning: ");
    const size_t kind = std::min(error, std::min(fatal, warning));
    if (kind != std::string::npos) {
      if (kind != warning) errors++;
      const size_t column = line.rfind(':', kind - 1), number = column == std::string::npos ? column : line.rfind(':', column - 1);
      if (number != std::string::npos)
        line = line.substr(0, number) + "(" + line.substr(number + 1, column - number - 1) + ")" + line.substr(kind);
    }
    out += line + "\n";
  }
  if (errors > 0) out += text("\n%d error%s detected in the compilation of \"%s\".\n", errors, errors == 1 ? "" : "s", name.c_str());
  return out;
}

static void write_inputs(const Folder &folder, const Source &source, const std::string &file) {
  folder.write("emulated/abi.h", embedded_abi);
  folder.write("emulated/prelude.h", embedded_prelude);
  folder.write("emulated/math.h", embedded_math);
  folder.write("emulated/collective.h", embedded_collective);
  folder.write("emulated/module.h", embedded_module);
  for (const auto &[name, content] : source.headers) folder.write(name, content);
  folder.write(file, source.text);
}

static Outcome preprocess(const Folder &folder, const std::string &file, const Options &options) {
  std::vector<std::string> command = {EMULATOR_COMPILER, "-x", "c++", "-E", "-I", "."};
  command.insert(command.end(), LANGUAGE.begin(), LANGUAGE.end());
  for (const char *header : {"abi", "prelude", "math", "collective", "module"})
    command.insert(command.end(), {"-include", std::string("emulated/") + header + ".h"});
  command.insert(command.end(), {"-DEMULATED", "-D__CUDACC__", "-D__CUDACC_RTC__"});
  command.push_back(text("-D__CUDA_ARCH__=%d", options.architecture * 10));
  command.insert(command.end(), options.defines.begin(), options.defines.end());
  command.insert(command.end(), {file, "-o", "preprocessed"});
  return folder.run(command);
}

static Outcome translate(const Folder &folder) {
  std::vector<std::string> command = {EMULATOR_COMPILER, "-x", "c++-cpp-output"};
  command.insert(command.end(), LANGUAGE.begin(), LANGUAGE.end());
  command.insert(command.end(), CODE.begin(), CODE.end());
  command.insert(command.end(), {"rewritten", "-o", "kernel.so", "-x", "none", own_path(), "-lm", "-lc", "-lgcc"});
  return folder.run(command);
}

static void count(bool cached) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  (cached ? counts.cached_compilations : counts.compilations)++;
}

/* What the result depends on; the prelude and g++ are the same for one library. */
static std::string everything(const Source &source, const Options &options) {
  std::string all = text("%d", options.architecture);
  const auto add = [&](const std::string &part) { all += text("|%zu|", part.size()) + part; };
  add(base_name(source.name)), add(source.text);
  for (const auto &[name, content] : source.headers) add(name), add(content);
  for (const std::string &define : options.defines) add(define);
  return all;
}

static Compiled failed(nvrtcResult status, const std::string &log) { return {status, log, "", false}; }

Compiled compile(const Source &source, const std::vector<std::string> &given) {
  const Options options = understood(given);
  if (!options.refused.empty()) return failed(NVRTC_ERROR_INVALID_OPTION, "nvrtc: error: " + options.refused + "\n");
  const std::string kept = own_path() + "-kernels", path = kept + "/" + key_of(everything(source, options)) + ".so";
  const std::string known = read_file(path);
  if (!known.empty()) return count(true), Compiled{NVRTC_SUCCESS, "", known, options.real};
  const Folder folder;
  if (!folder.usable()) return failed(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE, "no temporary folder");
  const std::string file = base_name(source.name);
  write_inputs(folder, source, file);
  const Outcome first = preprocess(folder, file, options);
  if (!first.started) return failed(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE, "cannot run " EMULATOR_COMPILER);
  if (!first.succeeded) return failed(NVRTC_ERROR_COMPILATION, in_nvrtc_form(first.output, file));
  folder.write("rewritten", rewritten(folder.read("preprocessed"), options.architecture));
  const Outcome second = translate(folder);
  if (!second.succeeded) return failed(NVRTC_ERROR_COMPILATION, in_nvrtc_form(second.output, file));
  count(false);
  const std::string binary = folder.read("kernel.so"), log = in_nvrtc_form(second.output, file);
  mkdir(kept.c_str(), 0777);
  /* Warnings are said every time. */
  if (log.empty()) keep_file(path, binary);
  return {NVRTC_SUCCESS, log, binary, options.real};
}

} // namespace emulator
