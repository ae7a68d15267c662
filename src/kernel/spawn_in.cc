// SPDX-License-Identifier: Apache-2.0
#include "kernel/spawn_in.h"

#include <sched.h>

#include <exception>
#include <thread>

#include "base/error.h"

namespace ferry::kernel {

base::Child spawn_in(const Namespaces& namespaces, const base::Argv& argv, base::SpawnOptions options) {
  const auto before = std::move(options.in_child);
  options.in_child = [&namespaces, before] {
    if (before) before();
    namespaces.enter();
  };
  if (!namespaces.has("pid")) return base::spawn(argv, options);

  // A pid namespace is entered by the *next* child of the thread that asked: a thread of its own asks and forks,
  // so that nothing else we start lands there, and the child is ours without a process in between.
  base::Child child;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::setns(namespaces.fd("pid"), CLONE_NEWPID) < 0) throw base::SysError("setns", errno, "pid");
      child = base::spawn(argv, options);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return child;
}

}  // namespace ferry::kernel
