// Where a server stands in the WAL, by which the front bounds how far a standby is behind.
#include "extension/call.h"

namespace openclaw::extension {

namespace {

struct Place {
  XLogRecPtr end;
  TimeLineID timeline;
  bool standby;
};

// The end of the last record. What the server calls its insert position lies behind the header of a
// page that has no record yet, where no standby gets to before there is one.
XLogRecPtr end_of_wal() {
  const XLogRecPtr next = GetXLogInsertRecPtr();
  if (XLogSegmentOffset(next, wal_segment_size) == SizeOfXLogLongPHD)
    return next - SizeOfXLogLongPHD;
  if (next % XLOG_BLCKSZ == SizeOfXLogShortPHD) return next - SizeOfXLogShortPHD;
  return next;
}

Place place() {
  Place place{};
  guarded([&] {
    place.standby = RecoveryInProgress();
    if (place.standby) {
      place.end = GetXLogReplayRecPtr(&place.timeline);
      return;
    }
    place.timeline = insertion_timeline();
    place.end = end_of_wal();
    // Only what is flushed is streamed. What no commit flushes (a pruned page, an asynchronous
    // commit) would keep every standby behind this place for seconds.
    XLogFlush(place.end);
  });
  return place;
}

}  // namespace

OPENCLAW_FUNCTION(openclaw_wal_position) {
  Call call(fcinfo);
  const Place here = place();
  const Datum values[] = {UInt64GetDatum(GetSystemIdentifier()), Int64GetDatum(here.timeline),
                          UInt64GetDatum(here.end), BoolGetDatum(here.standby)};
  const bool nulls[] = {false, false, false, false};
  return call.row(values, nulls);
}

}  // namespace openclaw::extension
