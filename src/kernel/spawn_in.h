// SPDX-License-Identifier: Apache-2.0
//
// Starting a program inside another task's namespaces, as a direct child of ours.
#pragma once

#include "base/subprocess.h"
#include "kernel/namespaces.h"

namespace ferry::kernel {

// `options.in_child` runs before the namespaces are entered (it can join cgroups there, with our paths).
base::Child spawn_in(const Namespaces& namespaces, const base::Argv& argv,
                     base::SpawnOptions options = {});

}  // namespace ferry::kernel
