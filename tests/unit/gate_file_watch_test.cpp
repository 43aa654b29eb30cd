#include "gate/file_watch.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/asio/steady_timer.hpp>

namespace openclaw::gate {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    std::string name = (fs::temp_directory_path() / "openclaw-watch-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~FileWatchTest() override { fs::remove_all(folder_); }

  void write(const fs::path& file, const std::string& text) const {
    std::ofstream(folder_ / file) << text;
  }

  // Runs until the watch has told of `wanted` changes; the limit is for a defect.
  int run(int wanted) {
    boost::asio::steady_timer limit(loop_, std::chrono::seconds(10));
    limit.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) loop_.stop();
    });
    while (changes_ < wanted && loop_.run_one() > 0) continue;
    return changes_;
  }

  void watch(std::vector<std::string> files) {
    for (std::string& file : files) file = (folder_ / file).string();
    watch_.emplace(loop_, std::move(files), [this] { ++changes_; });
  }

  fs::path folder_;
  boost::asio::io_context loop_;
  std::optional<FileWatch> watch_;
  int changes_ = 0;
};

TEST_F(FileWatchTest, TellsOfAFileThatIsWritten) {
  write("config.yaml", "a");
  watch({"config.yaml"});
  write("config.yaml", "bb");
  EXPECT_EQ(run(1), 1);
  write("config.yaml", "ccc");
  EXPECT_EQ(run(2), 2);
}

TEST_F(FileWatchTest, TellsOfAFileThatIsReplacedByARename) {
  write("config.yaml", "a");
  watch({"config.yaml"});
  write("new", "a");
  fs::rename(folder_ / "new", folder_ / "config.yaml");
  EXPECT_EQ(run(1), 1);
}

TEST_F(FileWatchTest, TellsOfALinkThatIsSwappedAsKubernetesDoes) {
  fs::create_directory(folder_ / "1");
  fs::create_directory(folder_ / "2");
  write("1/config.yaml", "a");
  write("2/config.yaml", "b");
  fs::create_directory_symlink("1", folder_ / "..data");
  fs::create_symlink("..data/config.yaml", folder_ / "config.yaml");
  watch({"config.yaml"});
  fs::create_directory_symlink("2", folder_ / "..data_tmp");
  fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  EXPECT_EQ(run(1), 1);
}

TEST_F(FileWatchTest, TellsOfAFileThatAppears) {
  watch({"late.pem"});
  write("late.pem", "a");
  EXPECT_EQ(run(1), 1);
}

TEST_F(FileWatchTest, KnowsOfAChangeBeforeItHasToldOfIt) {
  write("config.yaml", "a");
  watch({"config.yaml"});
  EXPECT_FALSE(watch_->is_stale());
  write("config.yaml", "bb");
  EXPECT_TRUE(watch_->is_stale());
  EXPECT_EQ(run(1), 1);
  EXPECT_FALSE(watch_->is_stale());
}

TEST_F(FileWatchTest, SaysNothingOfOtherFilesInTheFolder) {
  write("config.yaml", "a");
  watch({"config.yaml"});
  write("other", "x");
  // The other file's event is through once a later one of ours is.
  boost::asio::steady_timer later(loop_, std::chrono::milliseconds(500));
  later.async_wait([this](const boost::system::error_code&) { write("config.yaml", "bb"); });
  EXPECT_EQ(run(1), 1);
  EXPECT_EQ(fs::file_size(folder_ / "config.yaml"), 2U) << "the change told of was not ours";
}

}  // namespace
}  // namespace openclaw::gate
