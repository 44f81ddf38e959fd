import CLuaShim

/// The steps that a driver takes.
extension LuaEngine {
    func start(_ source: LuaSource, arguments: [LuaValue], isPrompt: Bool, now: LuaInstant) -> Step {
        precondition(fibers.isEmpty, "a chunk is begun while another one runs")
        enter(now)
        stopReason = nil
        result = nil
        self.isPrompt = isPrompt
        self.source = source
        printed = 0
        refusalsBefore = homeward_lua_refusals(stack.state)
        chunkNames.insert(source.name)
        do throws(LuaError) {
            try withRoomThrowing { () throws(LuaError) in try begin(source, arguments: arguments) }
        } catch {
            result = .failure(error)
        }
        return pump()
    }

    func finish(_ id: LuaRequestID, _ result: Result<LuaValue, LuaError>, now: LuaInstant) -> Step {
        enter(now)
        if let fiber = timers.removeValue(forKey: id.number).flatMap({ fibers[$0] }) {
            timerEnded(id.number, of: fiber)
        } else if let fiber = requests.removeValue(forKey: id.number).flatMap({ fibers[$0] }) {
            requestEnded(fiber, .value(result))
        } else if closing.remove(id.number) == nil {
            closeUnclaimed(result)
        }
        // Where its chunk is over, a wish to end that came meanwhile is meant for the next one.
        return fibers.isEmpty ? takeStep() : pump()
    }

    func report(_ id: LuaRequestID, _ progress: LuaValue, now: LuaInstant) -> Step {
        enter(now)
        if let fiber = requests[id.number].flatMap({ fibers[$0] }), fiber.stop == .none { tell(fiber, progress) }
        return pump()
    }

    func proceed(now: LuaInstant) -> Step {
        enter(now)
        return pump()
    }

    func cancel(now: LuaInstant) -> Step {
        enter(now)
        stopAll(Self.interrupted)
        return pump()
    }

    static let interrupted = LuaError(.interrupted, "the script was interrupted", hint: "")

    private func enter(_ now: LuaInstant) {
        self.now = now.nanoseconds
        clockAtStep = clock()
        shown = 0
    }

    private func withRoomThrowing(_ body: () throws(LuaError) -> Void) throws(LuaError) {
        let result = withRoom { () -> Result<Void, LuaError> in
            do throws(LuaError) { return .success(try body()) } catch { return .failure(error) }
        }
        try result.get()
    }

    private func begin(_ source: LuaSource, arguments: [LuaValue]) throws(LuaError) {
        let top = stack.top
        defer { stack.setTop(top) }
        try pushChunk(source)
        let writer = LuaWriter(stack, classes: registry.classNumbers)
        guard stack.reserve(Int32(clamping: arguments.count + 16)) else { throw Self.outOfMemory(world.limits) }
        for argument in arguments { try writer.push(argument) }
        if !isPrompt { try setArg(source, arguments, writer) }
        _ = makeFiber(.main, from: stack, count: Int32(arguments.count + 1))
    }

    /// The global `arg`, as `lua` has it.
    private func setArg(_ source: LuaSource, _ arguments: [LuaValue], _ writer: LuaWriter) throws(LuaError) {
        stack.pushGlobals()
        stack.pushTable(array: arguments.count, fields: 1)
        for (position, argument) in arguments.enumerated() {
            try writer.push(argument)
            stack.setIndex(-2, Int64(position + 1))
        }
        stack.push(source.name)
        stack.setIndex(-2, 0)
        stack.setField(-2, "arg")
        stack.pop()
    }

    /// Lets fibers run until none can go on, or one has had its slice.
    private func pump() -> Step {
        if pulse.isAsked { stopAll(Self.interrupted) }
        runFibers()
        if ready.isEmpty, requests.isEmpty, timers.isEmpty, !fibers.isEmpty {
            stopAll(LuaError(.runtime, "nothing that is waited for can ever end", hint: "no fiber can go on"))
            runFibers()
        }
        if fibers.isEmpty, let result {
            // Asked too late for a hook to see it: what was cancelled is no success all the same.
            if pulse.isAsked, stopReason == nil { stopReason = Self.interrupted }
            pulse.isAsked = false
            switch stopReason.map({ .failure($0) }) ?? result {
            case .success(let values): state = .finished(values)
            case .failure(let error): state = .failed(error)
            }
        } else {
            startGraceTimers()
            state = ready.isEmpty ? .waiting : .preempted
        }
        return takeStep()
    }

    /// What the driver was not told yet.
    private func takeStep() -> Step {
        defer {
            begin = []
            cancelled = []
        }
        return Step(begin: begin, cancel: cancelled, state: state)
    }

    private func runFibers() {
        while !ready.isEmpty {
            // Thousands of short ones would leave the wish unseen for long.
            stopIfMeant()
            guard let fiber = fibers[ready.removeFirst()] else { continue }
            if resume(fiber) { return }
        }
    }
}
