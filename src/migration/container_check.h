// SPDX-License-Identifier: Apache-2.0
//
// Would a container's move go? Everything that stands in its way on either side, for `ferry check`, and what the move itself begins
// with.
#pragma once

#include "migration/check.h"
#include "migration/conversation.h"
#include "runtime/backend.h"

namespace ferry::migration {

// Throws Error (refused) when there is none of that name.
runtime::Container require_container(runtime::Backend& engine, const runtime::ContainerName& name);

// At the source: its open TCP connections to others.
size_t count_connections(const runtime::Container& container);
// At the source: of the host, and of the container.
process::Reasons container_reasons(runtime::Backend& engine, const runtime::Container& container, process::TcpPolicy tcp);

wire::ContainerPlan make_container_plan(runtime::Backend& engine, const runtime::ContainerName& name,
                                        const runtime::Container& container);

// At the target: what a plan is refused by, and what an inquiry is answered with.
Findings look_here(runtime::Backend& engine, const wire::ContainerPlan& plan);

// Of a plan that nothing stands in the way of.
wire::ContainerReady ready_for(runtime::Backend& engine, const wire::ContainerPlan& plan);

// As check_move and answer_inquiry, for containers.
CheckReport check_container(const MoveOptions& options, const Observer& observer);
wire::ToSource answer_inquiry(const wire::ContainerInquiry& inquiry);

}  // namespace ferry::migration
