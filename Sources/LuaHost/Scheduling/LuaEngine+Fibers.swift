import CLuaShim

/// Fibers: their beginning, their turns, their waits and their ends.
extension LuaEngine {
    /// Makes a fiber of the function and its arguments, which are the `count` values on top of `from`.
    func makeFiber(_ kind: LuaFiber.Kind, from: LuaStack, count: Int32) -> LuaFiber {
        // In a section where the cap may be passed, so that there is one.
        guard let thread = homeward_lua_fiber(stack.state) else { preconditionFailure("no thread of Lua") }
        homeward_lua_fiber_prepare(from.state, thread, count)
        let parent: Int? = if case .main = kind { nil } else { current?.id }
        let fiber = LuaFiber(id: nextFiber, kind: kind, parent: parent, stack: LuaStack(state: thread))
        nextFiber += 1
        fibers[fiber.id] = fiber
        running += 1
        ready.append(fiber.id)
        if stopReason != nil { ask(fiber) }
        return fiber
    }

    /// Gives a fiber its turn.
    ///
    /// True when it has used its slice up.
    func resume(_ fiber: LuaFiber) -> Bool {
        guard fiber.isStarted || fiber.stop == .none else {
            end(fiber, .stopped)
            return false
        }
        current = fiber
        fiber.isStarted = true
        fiber.slice = 0
        clockAtResume = clock()
        pulse.beat()
        let unwinding = fiber.stop == .unwinding || fiber.stop == .forced
        let progress = homeward_lua_fiber_resume(stack.state, fiber.stack.state, unwinding)
        current = nil
        switch progress {
        case HOMEWARD_LUA_FIBER_PREEMPTED:
            fiber.nanoseconds += clock() &- clockAtResume
            ready.append(fiber.id)
            return true
        case HOMEWARD_LUA_FIBER_WAITS:
            fiber.nanoseconds = 0
            fiber.instructions = 0
        case HOMEWARD_LUA_FIBER_DONE: end(fiber, .done)
        case HOMEWARD_LUA_FIBER_STOPPED: end(fiber, .stopped)
        default: end(fiber, failure(of: fiber))
        }
        return false
    }

    private func failure(of fiber: LuaFiber) -> LuaFiber.Outcome {
        .failed(place: trace(fiber, place: true), traceback: trace(fiber, place: false))
    }

    private func trace(_ fiber: LuaFiber, place: Bool) -> String? {
        var length = 0
        guard let start = homeward_lua_trace(fiber.stack.state, -1, place, &length) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
    }

    /// A fiber is over; those who wait for it go on.
    private func end(_ fiber: LuaFiber, _ outcome: LuaFiber.Outcome) {
        fiber.outcome = outcome
        running -= 1
        if let timer = fiber.graceTimer { drop(timer: timer) }
        dropRequest(of: fiber)
        tellLostError()
        if let progress = fiber.progress {
            stack.forget(progress.reference)
            if let failed = progress.failed.flatMap({ fibers[$0] }) { release(failed) }
            fiber.progress = nil
        }
        switch fiber.kind {
        case .main:
            result = withRoom { mainResult(fiber, outcome) }
            release(fiber)
            for other in fibers.values.sorted(by: { $0.id < $1.id }) { ask(other) }
        case .spawned:
            let isAwaited = wakeJoiners(of: fiber)
            // The chunk is over, so nobody can ask for its results.
            if !isAwaited, result != nil { release(fiber) }
        case .progress(let owner): progressEnded(fiber, outcome, of: owner)
        }
        if result != nil, running == 0 {
            for fiber in fibers.values { release(fiber) }
        }
    }

    func release(_ fiber: LuaFiber) {
        homeward_lua_fiber_release(stack.state, fiber.stack.state)
        fibers[fiber.id] = nil
    }

    // MARK: Waits

    func request(_ request: LuaRequest<LuaPending>) -> UInt64 {
        let id = nextRequest
        nextRequest += 1
        begin.append((LuaRequestID(number: id), request))
        return id
    }

    /// Has the running fiber wait for a request; the answer of the callback is to wait.
    func wait(for request: LuaRequest<LuaPending>, _ stack: LuaStack, shielded: Bool = false) throws(LuaError) {
        let fiber = try waiting(stack)
        let id = self.request(request)
        requests[id] = fiber.id
        if case .sleep = request { sleeps.insert(id) }
        fiber.wait = .request(id)
        fiber.isShielded = shielded || homeward_lua_is_closing(stack.state)
    }

    /// Has the running fiber wait until one of `others` has ended, or the time has passed.
    func join(_ others: [LuaFiber], seconds: Double?, _ stack: LuaStack) throws(LuaError) {
        let fiber = try waiting(stack)
        var timer: UInt64?
        if let seconds {
            let id = request(.sleep(seconds: seconds))
            timers[id] = fiber.id
            timer = id
        }
        fiber.wait = .join(others.map(\.id), timer: timer)
        // Whoever waits for it again and again stands there once.
        for other in others where other.joiners.last != fiber.id { other.joiners.append(fiber.id) }
        fiber.isShielded = homeward_lua_is_closing(stack.state)
    }

    /// The running fiber, if it may wait.
    private func waiting(_ stack: LuaStack) throws(LuaError) -> LuaFiber {
        guard let fiber = current, homeward_lua_can_wait(stack.state) else {
            throw LuaError(
                .cannotWait,
                "this waits, and cannot wait here",
                hint: "call it outside of table.sort, string.gsub, tostring and other functions of C"
            )
        }
        return fiber
    }

    /// A fiber can go on.
    func wake(_ fiber: LuaFiber, _ delivery: LuaFiber.Delivery) {
        if case .join = fiber.wait { dropRequest(of: fiber) }
        fiber.wait = nil
        fiber.delivery = delivery
        ready.append(fiber.id)
    }

    @discardableResult
    private func wakeJoiners(of fiber: LuaFiber) -> Bool {
        var found = false
        for other in fiber.joiners.sorted().compactMap({ fibers[$0] }) {
            guard case .join(let awaited, _) = other.wait, let index = awaited.firstIndex(of: fiber.id) else {
                continue
            }
            found = true
            wake(other, .index(index))
        }
        fiber.joiners = []
        return found
    }

    func timerEnded(_ id: UInt64, of fiber: LuaFiber) {
        if fiber.graceTimer == id {
            fiber.graceTimer = nil
            force(fiber)
        } else if case .join(_, id) = fiber.wait {
            wake(fiber, .index(nil))
        }
    }

    /// A timer is not needed any more; its end is not awaited.
    func drop(timer: UInt64) {
        guard timers.removeValue(forKey: timer) != nil else { return }
        cancelled.append(LuaRequestID(number: timer))
    }

    /// Gives the request of a fiber up without awaiting its end.
    func dropRequest(of fiber: LuaFiber) {
        switch fiber.wait {
        case nil: break
        case .join(_, let timer):
            if let timer { drop(timer: timer) }
        case .request(let id):
            if requests.removeValue(forKey: id) != nil { cancelled.append(LuaRequestID(number: id)) }
        }
        fiber.wait = nil
    }
}
