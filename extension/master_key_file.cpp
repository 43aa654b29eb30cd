#include "extension/master_key_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "extension/postgres_random.h"
#include "extension/settings.h"
#include "extension/boundary.h"

namespace openclaw::extension {
namespace {

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void refuse(const std::string& path, const std::string& why, const std::string& hint,
                         int sqlstate = ERRCODE_CONFIG_FILE_ERROR) {
  throw SqlError{sqlstate, "the master key file \"" + path + "\" " + why, "", hint};
}

void check_permissions(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) refuse(path, strerror(errno), "");
  if (!S_ISREG(status.st_mode)) refuse(path, "is not a plain file", "");
  if (status.st_uid != ::geteuid()) {
    refuse(path, "does not belong to the user that runs Postgres", "Run chown on it.");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    refuse(path, "is open to its group or to others", "Run chmod 0600 on it.");
  }
}

// One byte more than the keys need, so that a longer file shows.
Secret read_all(const std::string& path, int descriptor) {
  Secret buffer(kMaxMasterKeys * kMaxMasterKeyFile + 1);
  std::size_t size = 0;
  while (size < buffer.size()) {
    ssize_t got = ::read(descriptor, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, std::string("cannot be read: ") + strerror(errno), "");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return Secret(buffer.view().first(size));
}

void write_all(const std::string& path, int descriptor, ByteView bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    ssize_t put = ::write(descriptor, bytes.data() + written, bytes.size() - written);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) refuse(path, std::string("cannot be written: ") + strerror(errno), "");
    written += static_cast<std::size_t>(put);
  }
  if (::fsync(descriptor) != 0)
    refuse(path, std::string("cannot be synced: ") + strerror(errno), "");
}

// A new name is durable only once its directory is.
void sync_directory(const std::string& path) {
  File directory(
      ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) {
    refuse(path, std::string("cannot be made durable: ") + strerror(errno), "");
  }
}

// Held while the file is read, changed and replaced: sessions of several databases share it, whose
// table locks do not see each other. It goes with the descriptor.
class Turn {
 public:
  explicit Turn(const std::string& path)
      : file_(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!file_.is_open()) {
      refuse(path + ".lock", std::string("cannot be made: ") + strerror(errno),
             "Its directory must be writable by the user that runs Postgres.");
    }
    while (::flock(file_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) refuse(path, std::string("cannot be locked: ") + strerror(errno), "");
      guarded([] { CHECK_FOR_INTERRUPTS(); });
    }
  }

 private:
  File file_;
};

// Made beside the file and put in its place by name: a crash leaves the old file or the new one.
void replace_file(const std::string& path, const std::vector<MasterKey>& keys) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());  // what a crash left
  File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    refuse(fresh, std::string("cannot be made: ") + strerror(errno),
           "Its directory must be writable by the user that runs Postgres.");
  }
  try {
    for (const MasterKey& key : keys) write_all(fresh, file.get(), key.file_contents().view());
    if (::rename(fresh.c_str(), path.c_str()) != 0) {
      refuse(path, std::string("cannot be replaced: ") + strerror(errno), "");
    }
  } catch (...) {
    ::unlink(fresh.c_str());
    throw;
  }
  sync_directory(path);
}

}  // namespace

std::vector<MasterKey> read_master_keys() {
  std::string path(settings::master_key_file());
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) {
    bool missing = errno == ENOENT;
    refuse(path, std::string("cannot be opened: ") + strerror(errno),
           missing ? "Restore it from its backup; only when there never was one, make it with "
                     "openclaw.create_master_key()."
                   : "");
  }
  check_permissions(path, file.get());
  Secret contents = read_all(path, file.get());
  std::vector<MasterKey> keys;
  std::string_view rest = contents.text();
  do {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    auto key = MasterKey::parse(rest.substr(0, end));
    if (!key || keys.size() == kMaxMasterKeys) {
      refuse(path, "does not hold a master key", "Restore it from its backup.");
    }
    keys.push_back(std::move(*key));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  } while (!rest.empty());
  return keys;
}

MasterKey add_master_key() {
  const Turn turn{std::string(settings::master_key_file())};
  std::vector<MasterKey> keys = read_master_keys();
  if (keys.size() == kMaxMasterKeys) {
    refuse(std::string(settings::master_key_file()), "is full",
           "Run openclaw.rewrap_signing_keys(), then openclaw.retire_master_keys().",
           ERRCODE_PROGRAM_LIMIT_EXCEEDED);
  }
  PostgresRandom random;
  keys.insert(keys.begin(), MasterKey::generate(random));
  replace_file(std::string(settings::master_key_file()), keys);
  return std::move(keys.front());
}

std::size_t keep_master_keys(const std::vector<std::string>& ids) {
  const Turn turn{std::string(settings::master_key_file())};
  std::vector<MasterKey> keys = read_master_keys();
  const std::size_t before = keys.size();
  const auto unneeded = [&](const MasterKey& key) {
    return std::find(ids.begin(), ids.end(), key.id()) == ids.end();
  };
  keys.erase(std::remove_if(keys.begin() + 1, keys.end(), unneeded), keys.end());
  if (keys.size() < before) replace_file(std::string(settings::master_key_file()), keys);
  return before - keys.size();
}

MasterKey create_master_key() {
  std::string path(settings::master_key_file());
  PostgresRandom random;
  MasterKey key = MasterKey::generate(random);
  Secret contents = key.file_contents();
  File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    if (errno == EEXIST) {
      refuse(path, "exists already", "It is never overwritten: keys sealed under it would be lost.",
             ERRCODE_DUPLICATE_OBJECT);
    }
    refuse(path, std::string("cannot be made: ") + strerror(errno),
           "Its directory must exist and belong to the user that runs Postgres.");
  }
  try {
    write_all(path, file.get(), contents.view());
    sync_directory(path);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
  return key;
}

}  // namespace openclaw::extension
