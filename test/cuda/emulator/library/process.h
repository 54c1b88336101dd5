/* A temporary folder, and commands that run in it. */
#pragma once
#include <string>
#include <vector>

namespace emulator {

struct Outcome {
  bool started, succeeded;
  /* What it wrote to its standard output and error. */
  std::string output;
};

/* Empty where there is none. */
std::string read_file(const std::string &path);
/* All of it or nothing; that it cannot be written is no error. */
void keep_file(const std::string &path, const std::string &content);

/* Removed with all that is in it at the end of its scope. */
class Folder {
public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  bool usable() const { return !path_.empty(); }
  /* `name` may have folders in it. */
  void write(const std::string &name, const std::string &content) const;
  std::string read(const std::string &name) const;
  Outcome run(const std::vector<std::string> &command) const;

private:
  std::string path_;
};

} // namespace emulator
