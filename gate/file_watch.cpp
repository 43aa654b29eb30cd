#include "gate/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace openclaw::gate {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

// A rewrite makes several events; certificate and key come one after the other.
constexpr auto kSettle = 200ms;

// The folders in which the file, and what its links lead to, can be replaced.
void add_folders(const std::string& file, std::set<std::string>& folders) {
  const std::filesystem::path path(file);
  folders.insert(path.has_parent_path() ? path.parent_path().string() : ".");
  std::error_code missing;
  const std::filesystem::path real = std::filesystem::canonical(path, missing);
  if (!missing) folders.insert(real.parent_path().string());
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

struct FileWatch::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& loop, std::vector<std::string> watched,
        std::function<void()> on_change)
      : files(std::move(watched)),
        changed(std::move(on_change)),
        descriptor(loop),
        settled(loop),
        stamps(stamp_all()) {
    const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
    descriptor.assign(inotify);
    std::set<std::string> folders;
    for (const std::string& file : files) add_folders(file, folders);
    for (const std::string& folder : folders) {
      constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB;
      if (::inotify_add_watch(inotify, folder.c_str(), kEvents) < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot watch " + folder);
      }
    }
  }

  std::vector<std::string> files;
  std::function<void()> changed;
  boost::asio::posix::stream_descriptor descriptor;
  boost::asio::steady_timer settled;
  std::vector<FileStamp> stamps;
  bool settling = false;
  std::array<char, 4096> events{};  // their text is not looked at

  std::vector<FileStamp> stamp_all() const {
    std::vector<FileStamp> all;
    for (const std::string& file : files) all.push_back(stamp_of(file));
    return all;
  }

  void settle() {
    settled.expires_after(kSettle);
    settled.async_wait([self = shared_from_this()](const error_code& stopped) {
      self->settling = false;
      if (stopped || !self->changed) return;
      std::vector<FileStamp> stamps_now = self->stamp_all();
      if (stamps_now == self->stamps) return;
      self->stamps = std::move(stamps_now);
      self->changed();
    });
  }

  void wait() {
    descriptor.async_read_some(boost::asio::buffer(events),
                               [self = shared_from_this()](const error_code& error, std::size_t) {
                                 if (error) return;
                                 if (!std::exchange(self->settling, true)) self->settle();
                                 self->wait();
                               });
  }
};

FileWatch::FileWatch(boost::asio::io_context& loop, std::vector<std::string> files,
                     std::function<void()> changed)
    : state_(std::make_shared<State>(loop, std::move(files), std::move(changed))) {
  state_->wait();
}

bool FileWatch::is_stale() const { return state_->stamp_all() != state_->stamps; }

FileWatch::~FileWatch() {
  state_->changed = nullptr;
  error_code ignored;
  state_->descriptor.close(ignored);
  state_->settled.cancel();
}

}  // namespace openclaw::gate
