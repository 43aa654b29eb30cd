// Postgres's headers, in the one place that includes them. Include it last: it defines macros that
// C++ headers do not expect. Differences between Postgres 14 and 18 end here.
#pragma once

#if __has_include("postgres.h")
extern "C" {
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}
#else
#error \
    "PostgreSQL's server headers are missing: install postgresql-server-dev-15 (or your version's)"
#endif

#if PG_VERSION_NUM < 140000 || PG_VERSION_NUM >= 190000
#error "OpenClaw supports PostgreSQL 14 to 18"
#endif

namespace openclaw::extension {

// Postgres 18 counts index scans for EXPLAIN through one more argument.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
  return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// Of the WAL that a server writes which is no standby.
inline TimeLineID insertion_timeline() {
#if PG_VERSION_NUM >= 150000
  return GetWALInsertionTimeLine();
#else
  return ThisTimeLineID;
#endif
}

// How many transactions have ended, on a standby too: a number that has not changed means that
// nothing was committed.
inline uint64 ended_transactions() {
#if PG_VERSION_NUM >= 170000
  return TransamVariables->xactCompletionCount;
#else
  return ShmemVariableCache->xactCompletionCount;
#endif
}

}  // namespace openclaw::extension
