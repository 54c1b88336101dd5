/* Children are waited for by their number, so that Node's own are left alone. */
#include "process.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace emulator {

namespace fs = std::filesystem;

std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

static void write_file(const std::string &path, const std::string &content) {
  std::ofstream(path, std::ios::binary).write(content.data(), std::streamsize(content.size()));
}

void keep_file(const std::string &path, const std::string &content) {
  const std::string aside = path + "." + std::to_string(getpid()) + "." + std::to_string(size_t(&content));
  write_file(aside, content);
  std::error_code ignored;
  if (fs::file_size(aside, ignored) == content.size()) fs::rename(aside, path, ignored);
  else fs::remove(aside, ignored);
}

Folder::Folder() {
  std::error_code failure;
  std::string pattern = (fs::temp_directory_path(failure) / "emulated-kernel-XXXXXX").string();
  if (!failure && mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  if (usable()) fs::remove_all(path_, ignored);
}

void Folder::write(const std::string &name, const std::string &content) const {
  const fs::path path = fs::path(path_) / name;
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  write_file(path.string(), content);
}

std::string Folder::read(const std::string &name) const { return read_file(path_ + "/" + name); }

Outcome Folder::run(const std::vector<std::string> &command) const {
  const std::string log = path_ + "/output";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, path_.c_str());
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char *> words;
  for (const std::string &word : command) words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  pid_t child;
  const int failure = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return {false, false, ""};
  int ended = 0;
  pid_t result;
  do result = waitpid(child, &ended, 0);
  while (result < 0 && errno == EINTR);
  return {true, result == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0, read_file(log)};
}

} // namespace emulator
