// Tells when one of some files may have changed (inotify(7)): written, replaced by a rename, or
// swapped behind a symbolic link, as Kubernetes does with what it mounts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace openclaw::gate {

class FileWatch {
 public:
  // `changed` is called once for a burst of changes, and only when a file is another one than
  // before, by inode, size or time of change. std::system_error when inotify cannot be had.
  FileWatch(boost::asio::io_context& loop, std::vector<std::string> files,
            std::function<void()> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openclaw::gate
