import CLuaShim

/// What Swift does for the prelude, and for functions whose body is Lua: the fields of `native`.
enum LuaNative: Int64, CaseIterable {
    /// `(f, …)` → fiber.
    case spawn = 1
    /// `(fibers, seconds or nil)` → the index of one that has ended; nil when the time ran out.
    case wait
    /// `(fiber)`: asks it to end.
    case cancel
    /// `(fiber)` → what it returned; raises what it raised. Once.
    case results
    /// `(fiber)` → "done", "failed", "stopped"; nil while it runs.
    case outcome
    /// `(fiber)` → whether it has ended.
    case ended
    /// `(fiber)`: forgets it.
    case release
    /// `(seconds)`.
    case sleep
    /// `(table)`: raises an error with these fields.
    case raise
    /// → the fiber that runs, and its ancestors.
    case fiber
    /// `(name)` → the table of a declared module, or nil.
    case module
    /// `(name)` → text and chunk name, or nil.
    case source
    /// `(text, chunk name, environment)` → function, or nil and a message.
    case load
    /// `(text)`: prints.
    case write
    /// `(name, assigned)`: raises.
    case undeclared
    /// → seconds of processor time; of the driver's time in a seeded world.
    case clock
    /// → seconds since 1970 in a seeded world.
    case time
    /// `(value)`: prints what is known of it.
    case help
    /// `(error)` → its text.
    case describe
    /// `(name)` → a name like it of a module, or nil.
    case nearest
    /// `(text)`: a warning for the log.
    case warn

    var name: String { "\(self)" }
}

extension LuaEngine {
    func call(_ native: LuaNative, _ stack: LuaStack) throws(LuaError) -> Int32 {
        switch native {
        case .spawn: return try spawn(stack)
        case .wait: return try waitForFibers(stack)
        case .cancel:
            if let fiber = fibers[Int(stack.integer(1))] { ask(fiber) }
            return 0
        case .results: return try results(of: fiberArgument(stack), stack)
        case .outcome:
            switch try fiberArgument(stack).outcome {
            case nil: stack.pushNil()
            case .done: stack.push("done")
            case .failed: stack.push("failed")
            case .stopped: stack.push("stopped")
            }
            return 1
        case .ended:
            stack.push(fibers[Int(stack.integer(1))]?.hasEnded ?? true)
            return 1
        case .release:
            if let fiber = fibers[Int(stack.integer(1))], fiber.hasEnded { release(fiber) }
            return 0
        case .sleep:
            try wait(for: .sleep(seconds: seconds(stack, 1)), stack)
            return LuaReply.wait
        case .raise: throw raiseArgument(stack)
        case .fiber: return pushAncestors(stack)
        case .module:
            if try !pushModule(stack.text(1) ?? "", on: stack) { stack.pushNil() }
            return 1
        case .source: return try pushSource(stack)
        case .load: return try loadText(stack)
        case .write: return write(stack.bytes(1) ?? [], stack)
        case .undeclared: throw undeclared(stack)
        case .clock:
            let isSeeded = world.seed != nil
            stack.push(Double(isSeeded ? now : homeward_lua_thread_nanoseconds()) / 1e9)
            return 1
        case .time:
            stack.push(Int64(now / 1_000_000_000))
            return 1
        case .help: return write(Array(help(stack).utf8), stack)
        case .describe:
            stack.push(tableError(1, on: stack)?.description ?? "error")
            return 1
        case .nearest:
            if let name = nearestModule(stack.text(1) ?? "") { stack.push(name) } else { stack.pushNil() }
            return 1
        case .warn:
            guard count(stack.stringLength(1), stack) else { return LuaReply.stop }
            warn(stack.text(1) ?? "")
            return 0
        }
    }

    private func fiberArgument(_ stack: LuaStack) throws(LuaError) -> LuaFiber {
        guard let fiber = fibers[Int(stack.integer(1))] else {
            throw LuaError(.badArgument, "there is no such fiber, or its results were taken", hint: "")
        }
        return fiber
    }

    private func spawn(_ stack: LuaStack) throws(LuaError) -> Int32 {
        guard stack.type(1) == HOMEWARD_LUA_FUNCTION else {
            throw LuaError(
                .badArgument,
                "native.spawn: \(describe(1, stack)) was given, a function is expected",
                hint: ""
            )
        }
        let fiber = makeFiber(.spawned, from: stack, count: stack.top)
        stack.push(Int64(fiber.id))
        return 1
    }

    private func waitForFibers(_ stack: LuaStack) throws(LuaError) -> Int32 {
        var awaited: [LuaFiber] = []
        var index: Int64 = 1
        while stack.type(1) == HOMEWARD_LUA_TABLE {
            stack.pushIndex(1, index)
            guard let id = stack.integerForm(-1) else { break }
            stack.pop()
            guard let fiber = fibers[Int(id)], !fiber.hasEnded else {
                stack.push(index)
                return 1
            }
            awaited.append(fiber)
            index += 1
        }
        guard !awaited.isEmpty, !awaited.contains(where: { $0 === current }) else {
            throw LuaError(.badArgument, "native.wait: a list of other fibers is expected", hint: "")
        }
        try join(awaited, seconds: stack.isNil(2) ? nil : seconds(stack, 2), stack)
        return LuaReply.wait
    }

    private func seconds(_ stack: LuaStack, _ index: Int32) -> Double {
        let seconds = stack.number(index)
        return seconds.isNaN ? 0 : min(max(0, seconds), 1e9)
    }

    /// Pushes what a fiber returned, or throws what it raised.
    private func results(of fiber: LuaFiber, _ stack: LuaStack) throws(LuaError) -> Int32 {
        switch fiber.outcome {
        case nil: throw LuaError(.badArgument, "the fiber has not ended", hint: "wait for it first")
        case .stopped:
            release(fiber)
            throw LuaError(.interrupted, "it was stopped", hint: "")
        case .failed:
            pushFailure(of: fiber, stack)
            return LuaReply.raise
        case .done:
            let count = fiber.stack.top
            guard homeward_lua_copy_all(fiber.stack.state, stack.state) else {
                throw LuaError(.memoryLimit, "too many results of a function", hint: "return less")
            }
            release(fiber)
            return count
        }
    }

    /// Pushes what a fiber raised, with the calls that led there, and forgets the fiber.
    func pushFailure(of fiber: LuaFiber, _ stack: LuaStack) {
        _ = homeward_lua_move(fiber.stack.state, stack.state, 1)
        if case .failed(let place, let traceback) = fiber.outcome, let traceback {
            homeward_lua_trace_set(stack.state, -1, place, traceback)
        }
        release(fiber)
    }

    private func raiseArgument(_ stack: LuaStack) -> LuaError {
        if var error = tableError(1, on: stack) {
            error.place = error.place ?? place(stack)
            return error
        }
        return LuaError(.badArgument, "native.raise: a table with a code is expected", hint: "")
    }

    private func pushAncestors(_ stack: LuaStack) -> Int32 {
        var count: Int32 = 0
        var fiber = current
        while let found = fiber, stack.reserve(4) {
            stack.push(Int64(found.id))
            count += 1
            fiber = found.parent.flatMap { fibers[$0] }
        }
        return count
    }

    private func pushSource(_ stack: LuaStack) throws(LuaError) -> Int32 {
        guard let source = try world.source(stack.text(1) ?? "") else { return 0 }
        chunkNames.insert(source.name)
        stack.push(source.chunk)
        stack.push(source.name)
        return 2
    }

    /// Text only; the name of a chunk cannot be one of ours.
    private func loadText(_ stack: LuaStack) throws(LuaError) -> Int32 {
        let text = stack.bytes(1) ?? []
        var name = stack.text(2) ?? "=(load)"
        if name.hasPrefix("=[") { name = "=(load)" }
        if name.hasPrefix("=") || name.hasPrefix("@") { keepChunkName(name.dropFirst()) }
        let hasEnvironment = stack.top >= 3
        switch load(text, name, on: stack) {
        case HOMEWARD_LUA_LOADED: break
        case HOMEWARD_LUA_LOAD_NO_MEMORY: throw Self.outOfMemory(world.limits)
        default:
            stack.pushNil()
            stack.pushCopy(-2)
            return 2
        }
        if hasEnvironment {
            stack.pushCopy(3)
            homeward_lua_set_environment(stack.state, -2)
        }
        return 1
    }

    /// A script can load as many chunks as it likes, under names as long as it likes: all of them are not remembered.
    private func keepChunkName(_ name: Substring) {
        guard name.utf8.count <= Self.longestChunkName, chunkNames.count < Self.mostChunkNames else { return }
        chunkNames.insert(String(name))
    }

    private func write(_ bytes: [UInt8], _ stack: LuaStack) -> Int32 {
        guard count(bytes.count, stack) else { return LuaReply.stop }
        world.output(bytes)
        return 0
    }

    /// Counts what is about to be shown; false where that is too much, which ends the run: the answer of the callback is the
    /// stop, as that is no error that a script could see or name.
    private func count(_ bytes: Int, _ stack: LuaStack) -> Bool {
        printed += bytes
        guard printed > world.limits.output else { return true }
        stopAll(
            LuaError(
                .outputLimit,
                "more than \(world.limits.output) bytes were printed",
                hint: "print less, or raise the limit",
                place: place(stack)
            )
        )
        current?.stop = .unwinding
        return false
    }

    private func undeclared(_ stack: LuaStack) -> LuaError {
        let name = stack.text(1) ?? describe(1, stack)
        stack.pushGlobals()
        let near = LuaNames.nearest(to: name, in: names(inTable: -1, stack))
        stack.pop()
        let isAssigned = stack.boolean(2)
        let message = isAssigned ? "'\(name)' is assigned, but was not declared" : "nothing is named '\(name)' here"
        let advice = isAssigned ? "write local \(name)" : "declare it with local, or look at the spelling"
        if !isAssigned, case .prompt = world.globals, ["exit", "quit"].contains(name) {
            return LuaError(.undeclared, message, hint: "Ctrl-D, the end of input, ends the prompt")
        }
        let hint = near.map { (isAssigned ? "\(advice), or did you mean '" : "did you mean '") + "\($0)'?" } ?? advice
        return LuaError(.undeclared, message, hint: hint)
    }

    private func nearestModule(_ name: String) -> String? {
        LuaNames.nearest(to: name, in: registry.modules.map(\.declaration.name))
    }

    /// The string keys of a table.
    func names(inTable index: Int32, _ stack: LuaStack) -> [String] {
        let table = stack.absolute(index)
        guard stack.type(table) == HOMEWARD_LUA_TABLE, stack.reserve(8) else { return [] }
        var names: [String] = []
        stack.pushNil()
        while stack.next(table) {
            stack.pop()
            if let name = stack.text(-1) { names.append(name) }
        }
        return names.sorted()
    }
}
