#include "gate/config_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace openclaw::gate {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// "cannot WHAT: REASON", by errno.
FileProblem failed(std::string_view what) {
  const std::string reason = std::generic_category().message(errno);
  return {true, "cannot " + std::string(what) + ": " + reason};
}

struct OpenFile {
  std::string text;
  struct stat status;
};

std::optional<FileProblem> check_status(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return FileProblem{false, "is not a regular file"};
  if ((status.st_mode & S_IRWXO) != 0) {
    return FileProblem{false, "is open to everybody on this machine: run chmod o= " + path};
  }
  if ((status.st_mode & S_IWGRP) != 0) {
    return FileProblem{false, "can be changed by its group: run chmod g-w " + path};
  }
  if (status.st_size > static_cast<off_t>(kMaxConfigFile)) {
    return FileProblem{false, "is larger than 64 MiB"};
  }
  return std::nullopt;
}

// Reads to the end, or one byte more than is taken.
std::optional<FileProblem> read_all(int descriptor, std::string& text) {
  constexpr std::size_t kStep = 64 * 1024;
  for (;;) {
    const std::size_t size = text.size();
    text.resize(size + kStep);
    const ssize_t got = read(descriptor, text.data() + size, kStep);
    text.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read the file");
    if (got == 0) return std::nullopt;
    if (text.size() > kMaxConfigFile) return FileProblem{false, "is larger than 64 MiB"};
  }
}

std::variant<OpenFile, FileProblem> open_and_read(const std::string& path) {
  // O_NONBLOCK: a FIFO must not hold us up.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return failed("open the file");
  OpenFile read{};
  if (fstat(file.get(), &read.status) != 0) return failed("look at the file");
  if (std::optional<FileProblem> problem = check_status(path, read.status))
    return *std::move(problem);
  if (std::optional<FileProblem> problem = read_all(file.get(), read.text)) {
    return *std::move(problem);
  }
  return read;
}

std::optional<FileProblem> write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write the new file");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return std::nullopt;
}

// A file beside the one that it is to replace; gone again unless it did.
class Replacement {
 public:
  Replacement(std::filesystem::path target, int folder)
      : target_(std::move(target)),
        name_((target_.parent_path() / ("." + target_.filename().string() + ".XXXXXX")).string()),
        folder_(folder),
        file_(mkostemp(name_.data(), O_CLOEXEC)) {}
  ~Replacement() {
    if (file_ && !done_) unlink(name_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  std::optional<FileProblem> put(std::string_view text, const struct stat& as) {
    if (!file_) return failed("make a file in the same folder");
    // The owner first: changing it would clear bits of the mode.
    if (fchown(file_.get(), as.st_uid, as.st_gid) != 0) return failed("keep the file's owner");
    if (fchmod(file_.get(), as.st_mode & 07777) != 0) return failed("keep the file's mode");
    if (std::optional<FileProblem> problem = write_all(file_.get(), text)) return problem;
    if (fsync(file_.get()) != 0) return failed("write the new file to disk");
    if (rename(name_.c_str(), target_.c_str()) != 0) {
      // A single file that is mounted into a container cannot be replaced from inside.
      if (errno == EBUSY) {
        return FileProblem{true, "is a mount point and cannot be replaced: edit it where it lies"};
      }
      return failed("replace the file");
    }
    done_ = true;
    if (fsync(folder_) != 0) return failed("write the folder to disk");
    return std::nullopt;
  }

 private:
  std::filesystem::path target_;
  std::string name_;
  int folder_;
  Descriptor file_;
  bool done_ = false;
};

}  // namespace

std::variant<std::string, FileProblem> read_config_file(const std::string& path) {
  std::variant<OpenFile, FileProblem> read = open_and_read(path);
  if (auto* problem = std::get_if<FileProblem>(&read)) return std::move(*problem);
  return std::move(std::get<OpenFile>(read).text);
}

std::variant<std::monostate, FileProblem, std::vector<ConfigProblem>> edit_config_file(
    const std::string& path, const std::function<EditedText(std::string_view)>& edit) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  if (error) return FileProblem{true, "cannot open the file: " + error.message()};
  // The folder is locked, not the file: a rename changes which file that is.
  const Descriptor folder(open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed("open its folder");
  while (flock(folder.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed("lock its folder");
  }

  std::variant<OpenFile, FileProblem> read = open_and_read(target.string());
  if (auto* problem = std::get_if<FileProblem>(&read)) return std::move(*problem);
  const OpenFile& old = std::get<OpenFile>(read);
  EditedText edited = edit(old.text);
  if (auto* problems = std::get_if<1>(&edited)) return std::move(*problems);
  Replacement replacement(target, folder.get());
  if (auto problem = replacement.put(std::get<0>(edited), old.status)) return *std::move(problem);
  return std::monostate{};
}

// --- config.h -----------------------------------------------------------------------------------

namespace {

void make_absolute(const std::filesystem::path& folder, std::string& path) {
  if (!path.empty()) path = (folder / path).lexically_normal().string();
}

}  // namespace

std::variant<Config, std::vector<ConfigProblem>> load_config(const std::string& path,
                                                             ConfigUse use) {
  const std::variant<std::string, FileProblem> text = read_config_file(path);
  if (const auto* problem = std::get_if<FileProblem>(&text)) {
    return std::vector<ConfigProblem>{{0, 0, problem->message}};
  }
  std::variant<Config, std::vector<ConfigProblem>> parsed =
      parse_config(std::get<std::string>(text), use);
  if (auto* config = std::get_if<Config>(&parsed)) {
    const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
    make_absolute(folder, config->jwks_ca);
    make_absolute(folder, config->client_certificates.ca);
    if (config->tls) {
      make_absolute(folder, config->tls->certificate);
      make_absolute(folder, config->tls->key);
    }
  }
  return parsed;
}

}  // namespace openclaw::gate
