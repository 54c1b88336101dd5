/*
 * `__shared__` becomes `static` (blocks run one after the other, so one array of each will do), `extern __shared__` a symbol of the prelude's;
 * `__global__` a visible function that is entered in the module's table, `__launch_bounds__(...)` a number in that table.
 */
#include "rewrite.h"
#include "state.h"
#include <cctype>
#include <vector>

namespace emulator {

struct Kernel {
  std::string name, bounds;
};

class Rewriter {
public:
  explicit Rewriter(const std::string &source) : source_(source) {}

  std::string run() {
    while (at_ < source_.size()) step();
    return out_;
  }
  const std::vector<Kernel> &kernels() const { return kernels_; }

private:
  static bool in_word(char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; }

  void step() {
    const char c = source_[at_];
    if (c == '"' || (c == '\'' && !after_digit())) return copy_literal(c);
    if (c == '#') return copy_line();
    if (!in_word(c)) {
      if (c == '(') open_parenthesis();
      last_word_ = c == ' ' || c == '\n' || c == '\t' ? last_word_ : "";
      out_ += source_[at_++];
      return;
    }
    const size_t begin = at_;
    while (at_ < source_.size() && in_word(source_[at_])) at_++;
    word(source_.substr(begin, at_ - begin));
  }

  /* The separator of digits in 1'000. */
  bool after_digit() const { return at_ > 0 && in_word(source_[at_ - 1]); }

  void copy_literal(char quote) {
    out_ += source_[at_++];
    while (at_ < source_.size() && source_[at_] != quote && source_[at_] != '\n') {
      if (source_[at_] == '\\') out_ += source_[at_++];
      if (at_ < source_.size()) out_ += source_[at_++];
    }
    if (at_ < source_.size()) out_ += source_[at_++];
    last_word_ = "";
  }

  /* A line marker, or a pragma. */
  void copy_line() {
    while (at_ < source_.size() && source_[at_] != '\n') out_ += source_[at_++];
  }

  void word(const std::string &it) {
    const bool external = last_word_ == "extern";
    if (it == "__shared__") out_ += external ? "__attribute__((visibility(\"hidden\")))" : "static __attribute__((used))";
    else if (it == "__global__") out_ += "__attribute__((visibility(\"default\")))", pending_ = true, bounds_ = "";
    else if (it == "__launch_bounds__") bounds_ = take_parentheses();
    else out_ += it;
    last_word_ = it;
  }

  /* The name of a kernel is the word before the first parenthesis behind `__global__`, attributes aside. */
  void open_parenthesis() {
    if (!pending_ || last_word_.empty()) return;
    if (last_word_ == "__attribute__" || last_word_ == "__launch_bounds__" || last_word_ == "alignas") {
      out_ += take_parentheses();
      at_--, out_.pop_back();
      return;
    }
    kernels_.push_back({last_word_, bounds_});
    pending_ = false;
  }

  /* The text from here through the matching parenthesis, which is not copied. */
  std::string take_parentheses() {
    while (at_ < source_.size() && source_[at_] != '(') at_++;
    const size_t begin = at_;
    int depth = 0;
    while (at_ < source_.size()) {
      if (source_[at_] == '(') depth++;
      if (source_[at_] == ')') depth--;
      at_++;
      if (depth == 0) break;
    }
    return source_.substr(begin, at_ - begin);
  }

  const std::string &source_;
  size_t at_ = 0;
  std::string out_, last_word_, bounds_;
  bool pending_ = false;
  std::vector<Kernel> kernels_;
};

static std::string table_of(const std::vector<Kernel> &kernels, int architecture) {
  std::string table = "\n# 1 \"<the table of kernels>\"\nextern const emulated_kernel emulated_table[] = {\n";
  for (const Kernel &kernel : kernels) {
    const std::string bounds = kernel.bounds.empty() ? "()" : kernel.bounds;
    table += "emulated::describe<&" + kernel.name + ">(\"" + kernel.name + "\", emulated::launch_bound" + bounds + "),\n";
  }
  table += "{nullptr, nullptr, 0, 0, nullptr}};\n";
  table += "extern \"C\" __attribute__((visibility(\"default\"))) const emulated_module emulated_module_description = {";
  return table + text("emulated_table, %zu, emulated_dynamic_shared, %d};\n", kernels.size(), architecture);
}

std::string rewritten(const std::string &preprocessed, int architecture) {
  Rewriter rewriter(preprocessed);
  const std::string body = rewriter.run();
  std::vector<Kernel> kernels;
  for (const Kernel &kernel : rewriter.kernels()) {
    bool again = false;
    for (const Kernel &known : kernels) again = again || known.name == kernel.name;
    if (!again) kernels.push_back(kernel);
  }
  return body + table_of(kernels, architecture);
}

} // namespace emulator
