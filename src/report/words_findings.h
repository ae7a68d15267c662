// SPDX-License-Identifier: Apache-2.0
//
// Sentences of the findings; their numbers come from the data.
#pragma once

#include "report/words_entry.h"

namespace ferry::report {

// clang-format off
constexpr Entry kFindingWords[] = {
    {Word::kFindAllArrived, "All {0} moves arrived.", "全部 {0} 次迁移均到达目标。"},
    {Word::kFindTheOneArrived, "The move arrived.", "迁移到达了目标。"},
    {Word::kFindSomeArrived,
     "{0} of {1} moves arrived; the others: {2}.",
     "{1} 次迁移中有 {0} 次到达目标；其余：{2}。"},
    {Word::kFindNoneArrived,
     "None of the {0} moves arrived: {1}.",
     "{0} 次迁移均未到达目标：{1}。"},
    {Word::kFindCountResult, "{0} {1}", "{0} 次{1}"},
    {Word::kFindStateIntact,
     "The state was intact after each of the {0} moves that were checked.",
     "经检查的 {0} 次迁移，状态均完整。"},
    {Word::kFindStateBroken,
     "The state was not intact after {0} of {1} moves: {2}.",
     "{1} 次迁移中有 {0} 次状态不完整：{2}。"},
    {Word::kFindNoErrors, "None of the {0} requests failed.", "{0} 个请求无一失败。"},
    {Word::kFindErrors, "{0} of {1} requests failed ({2}).", "{1} 个请求中有 {0} 个失败（{2}）。"},
    {Word::kFindErrorsOnly, "{0} requests failed ({1}).", "{0} 个请求失败（{1}）。"},
    {Word::kFindErrorsWhere, "They were all with {0}.", "它们都出现在“{0}”。"},
    {Word::kFindErrorKind, "{0} {1}", "{1} {0} 个"},
    {Word::kFindGap, "{0}: clients were without service for {1}.", "{0}：客户端 {1} 得不到服务。"},
    {Word::kFindGapFrozen,
     "{0}: clients were without service for {1}, while the workload was frozen for {2}.",
     "{0}：客户端 {1} 得不到服务，其间负载冻结了 {2}。"},
    {Word::kFindSpread, "{0} (median of {1}; {2})", "{0}（{1} 次的中位数；{2}）"},
    {Word::kFindSlower,
     "{0}: clients waited {2} times as long as with {1} ({3} to {4} times with 95 % confidence): {5} against {6}.",
     "{0}：客户端等待的时间是“{1}”的 {2} 倍（95 % 置信区间 {3} 至 {4} 倍）：{5} 对 {6}。"},
    {Word::kFindLonger,
     "{0}: clients waited {2} longer than with {1} ({3} to {4} with 95 % confidence): {5} against {6}.",
     "{0}：客户端比“{1}”多等待 {2}（95 % 置信区间 {3} 至 {4}）：{5} 对 {6}。"},
    {Word::kFindCovered,
     "{0} and {1}: the difference in time without service ({2} and {3}) is covered by the noise.",
     "“{0}”与“{1}”：无服务时间的差别（{2} 与 {3}）在噪声范围之内。"},
    {Word::kFindTooFew,
     "{0} and {1}: {2} and {3} without service; {4} and {5} repetitions are too few to call that a difference.",
     "“{0}”与“{1}”：无服务时间分别为 {2} 与 {3}；{4} 次与 {5} 次重复太少，不足以认定有差别。"},
    {Word::kFindLargestParts, "The largest part of the pause: {0}.", "停顿中最大的部分：{0}。"},
    {Word::kFindLargestPart, "{1} with {0}, {2} of {3} ({4})", "{0} 为“{1}”，{3} 中占 {2}（{4}）"},
    {Word::kFindGapBeyond,
     "{0}: the time without service is {1} longer than the freeze: {2} against {3}.",
     "{0}：无服务时间比冻结时间长 {1}：{2} 对 {3}。"},
    {Word::kFindAfterSame,
     "Latency after the move is as before; what differs is covered by the noise (p99 {0} and {1}).",
     "迁移后的延迟与迁移前相同；差别在噪声范围之内（p99 为 {0} 与 {1}）。"},
    {Word::kFindAfterOther,
     "{0}: p99 latency after the move is {1}, before it was {2}; the noise does not cover that.",
     "{0}：迁移后的 p99 延迟为 {1}，迁移前为 {2}；噪声不足以解释这一差别。"},
    {Word::kFindGrows,
     "{0}: time without service grows with {1}: {2} at {3}, {4} at {5}.",
     "{0}：无服务时间随 {1} 增长：{3} 时为 {2}，{5} 时为 {4}。"},
    {Word::kFindShrinks,
     "{0}: time without service falls with {1}: {2} at {3}, {4} at {5}.",
     "{0}：无服务时间随 {1} 下降：{3} 时为 {2}，{5} 时为 {4}。"},
    {Word::kFindFlat,
     "{0}: time without service does not depend on {1} as far as can be seen: {2} at {3} and {4} at {5}, a difference that the noise covers.",
     "{0}：看不出无服务时间与 {1} 有关：{3} 时为 {2}，{5} 时为 {4}，差别在噪声范围之内。"},
    {Word::kFindTrendUnknown,
     "{0}, by {1}: {2} without service at {3}, {4} at {5}; too few repetitions to call that a trend.",
     "{0}，按 {1}：无服务时间在 {3} 时为 {2}，{5} 时为 {4}；重复次数太少，不足以认定趋势。"},
    {Word::kFindTargets, "{0} of {1} targets are met.", "{1} 个目标中达到 {0} 个。"},
    {Word::kFindListJoin, "; ", "；"},
    {Word::kFindCommaJoin, ", ", "，"},
};
// clang-format on

}  // namespace ferry::report
