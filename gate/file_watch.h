// Tells when one of some files may have changed (inotify(7)): written, replaced by a rename, or
// swapped behind a symbolic link, as Kubernetes does with what it mounts.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace openclaw::gate {

// Which file lies at a path, and which state of it: device, inode, size, time of change. All zero
// when there is none.
using FileStamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;
FileStamp stamp_of(const std::string& path);

class FileWatch {
 public:
  // `changed` is called once for a burst of changes, and only when a file is another one than
  // before, by inode, size or time of change. std::system_error when inotify cannot be had.
  FileWatch(boost::asio::io_context& loop, std::vector<std::string> files,
            std::function<void()> changed);
  ~FileWatch();
  // A file is another one than when `changed` was last called, or this was made.
  bool is_stale() const;
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openclaw::gate
