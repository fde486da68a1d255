// Work in a process of its own, watched by this one.
#pragma once

#include <functional>

namespace weir::tools {

// Runs work(false) in a child process and returns its exit code. When the child
// is killed or crashes, work(true) follows in another, and so on, a few times:
// what this process holds (listening sockets) is there for all of them, so that
// whoever connects meanwhile waits and is served by the next. Said on stderr in
// the name of `program`. The exit code is then kInternal.
//
// SIGINT and SIGTERM are passed on. A child whose parent dies gets SIGTERM. Both
// are blocked in it, so that a SignalSet gets them. Called by a process with one
// thread.
int run_guarded(const char* program, const std::function<int(bool again)>& work);

}  // namespace weir::tools
