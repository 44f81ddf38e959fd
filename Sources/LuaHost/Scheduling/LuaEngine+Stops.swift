import CLuaShim

/// Stopping fibers: asked, unwinding until the grace is over, forced.
extension LuaEngine {
    /// Ends the run with `reason`; the first one counts.
    func stopAll(_ reason: LuaError) {
        guard stopReason == nil, !fibers.isEmpty else { return }
        stopReason = reason
        for fiber in fibers.values.sorted(by: { $0.id < $1.id }) { ask(fiber) }
    }

    /// Ends the run where that is wished, or where it has met the cap on memory too often to be let go on: however it catches
    /// that, each time costs a collection.
    func stopIfMeant() {
        if pulse.isAsked { stopAll(Self.interrupted) }
        guard homeward_lua_refusals(stack.state) - refusalsBefore >= Self.refusals else { return }
        stopAll(Self.outOfMemory(world.limits))
    }

    /// Asks a fiber to end.
    ///
    /// What it waits for is cancelled, and its end awaited.
    func ask(_ fiber: LuaFiber) {
        guard fiber.stop == .none, !fiber.hasEnded else { return }
        fiber.stop = .asked
        asked.append(fiber.id)
        let grace = UInt64(min(max(0, world.limits.grace), 1e9) * 1e9)
        fiber.deadline = present &+ grace
        guard !fiber.isShielded else { return }
        interruptWait(of: fiber)
    }

    private func interruptWait(of fiber: LuaFiber) {
        switch fiber.wait {
        case nil: break
        case .join: wake(fiber, .index(nil))
        case .request(let id):
            cancelled.append(LuaRequestID(number: id))
            if let helper = fiber.progress?.fiber.flatMap({ fibers[$0] }) { ask(helper) }
            // Nothing can go wrong in a sleep: it need not be awaited.
            if sleeps.remove(id) != nil {
                requests[id] = nil
                requestEnded(fiber, .value(.success(.none)))
            }
        }
    }

    /// The grace is over: nothing is awaited any more.
    func force(_ fiber: LuaFiber) {
        guard !fiber.hasEnded else { return }
        fiber.stop = .forced
        guard fiber.wait != nil else { return }
        dropRequest(of: fiber)
        fiber.delivery = nil
        ready.append(fiber.id)
    }

    /// Whether a stop is to be raised now, at the next call or instruction of `fiber`.
    func mustRaise(_ fiber: LuaFiber, _ stack: LuaStack, shielded: Bool = false) -> Bool {
        switch fiber.stop {
        case .none: return false
        case .asked:
            guard present < fiber.deadline else {
                fiber.stop = .forced
                return true
            }
            guard !shielded, !homeward_lua_is_closing(stack.state) else { return false }
            fiber.stop = .unwinding
            fiber.nanoseconds = 0
            fiber.instructions = 0
            clockAtResume = clock()
            return true
        case .unwinding:
            guard present >= fiber.deadline else { return false }
            fiber.stop = .forced
            return true
        case .forced: return true
        }
    }

    /// Of fibers that unwind and wait: somebody must wake them when their grace is over.
    func startGraceTimers() {
        let fibers = asked.sorted().compactMap { self.fibers[$0] }
        asked = []
        for fiber in fibers where fiber.stop != .forced && !fiber.hasEnded && fiber.graceTimer == nil {
            let left = fiber.deadline > now ? Double(fiber.deadline - now) / 1e9 : 0
            let id = request(.sleep(seconds: left))
            timers[id] = fiber.id
            fiber.graceTimer = id
        }
    }

    /// Each 1,000 instructions: limits, stops, and whose turn it is.
    func poll(_ stack: LuaStack, _ maySuspend: Bool) -> Int32 {
        guard let fiber = current else { return pollOutside() }
        stopIfMeant()
        fiber.instructions += 1000
        fiber.slice += 1
        if mustRaise(fiber, stack) { return LuaReply.end }
        if let limit = spent(fiber) {
            switch fiber.stop {
            case .none, .asked:
                stopAll(cpuLimit(limit, stack))
                fiber.stop = .unwinding
                fiber.deadline = min(fiber.deadline, present &+ UInt64(min(max(0, world.limits.grace), 1e9) * 1e9))
                fiber.nanoseconds = 0
                fiber.instructions = 0
                clockAtResume = clock()
            case .unwinding, .forced: fiber.stop = .forced
            }
            return LuaReply.end
        }
        return maySuspend && fiber.slice >= Self.slice ? LuaReply.preempt : LuaReply.goOn
    }

    /// No fiber runs: a `__tostring` of the script does, since an error is being shown.
    ///
    /// Ended, it gives no text, and the error is shown without it.
    private func pollOutside() -> Int32 {
        shown += 1
        return shown >= Self.showing || pulse.isAsked ? LuaReply.end : LuaReply.goOn
    }

    /// The limit that a fiber has passed since its last wait.
    private func spent(_ fiber: LuaFiber) -> String? {
        if let limit = world.limits.instructions, fiber.instructions >= limit { return "\(limit) instructions" }
        if world.seed != nil {
            // The stop itself must come to an end where nothing counts time.
            let isOver = fiber.stop == .unwinding && fiber.instructions >= Self.unwindingInstructions
            return isOver ? "\(Self.unwindingInstructions) instructions" : nil
        }
        guard let seconds = world.limits.cpuSeconds else { return nil }
        let used = fiber.nanoseconds + (clock() &- clockAtResume)
        return Double(used) >= max(0, seconds) * 1e9 ? "\(seconds) s of processor time" : nil
    }

    private func cpuLimit(_ limit: String, _ stack: LuaStack) -> LuaError {
        LuaError(
            .cpuLimit,
            "still running after \(limit) without a wait",
            hint: "look for a loop without an end at that line",
            place: place(stack)
        )
    }
}
