import CLuaShim

/// Errors between Lua and Swift.
enum LuaErrors {
    static func syntax(_ message: String, _ text: [UInt8], _ name: String) -> LuaError {
        guard text.first != 0x1B else {
            return LuaError(.syntax, "\(name): it is compiled Lua, and only text is accepted", hint: "give the source")
        }
        return LuaError(.syntax, unabridged(message, name), hint: "correct the line")
    }

    /// Lua abridges long names of chunks at their beginning.
    static func unabridged(_ message: String, _ name: String) -> String {
        guard message.hasPrefix("..."), let colon = message.firstIndex(of: ":") else { return message }
        let end = message[message.index(message.startIndex, offsetBy: 3)..<colon]
        return name.hasSuffix(end) ? name + message[colon...] : message
    }

    /// `file:12: text` → `file:12` and `text`, where `isName` knows the file.
    static func split(_ message: String, isName: (Substring) -> Bool) -> (place: String?, text: String) {
        var search = message.startIndex
        while let colon = message[search...].firstIndex(of: ":") {
            let digits = message[message.index(after: colon)...].prefix { $0.isASCII && $0.isNumber }
            let rest = message[digits.endIndex...]
            if !digits.isEmpty, rest.hasPrefix(": "), isName(message[..<colon]) {
                return (String(message[..<digits.endIndex]), String(rest.dropFirst(2)))
            }
            search = message.index(after: colon)
        }
        return (nil, message)
    }

    /// Without the calls of chunks of ours, which tell a user nothing.
    static func readable(_ traceback: String) -> String {
        let lines = traceback.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.filter { line in
            !line.hasPrefix("\t[") || line.hasPrefix("\t[C]") || line.hasPrefix("\t[string ")
        }.joined(separator: "\n")
    }
}

extension LuaEngine {
    /// Where the script is: `FILE:LINE`.
    func place(_ stack: LuaStack) -> String? {
        var source: UnsafePointer<CChar>?
        var line: Int32 = 0
        guard homeward_lua_where(stack.state, &source, &line), let source else { return nil }
        return "\(String(cString: source)):\(line)"
    }

    /// Pushes an error as scripts see it.
    func pushError(_ error: LuaError, on target: LuaStack) {
        _ = target.reserve(8)
        target.pushTable(fields: 6)
        target.push(error.code.rawValue)
        target.setField(-2, "code")
        target.push(error.message)
        target.setField(-2, "message")
        let others: [(String, String?)] = [
            ("hint", error.hint.isEmpty ? nil : error.hint), ("object", error.object.isEmpty ? nil : error.object),
            ("host", error.host), ("where", error.place ?? place(target)), ("traceback", error.traceback),
        ]
        for (name, text) in others {
            guard let text else { continue }
            target.push(text)
            target.setField(-2, name)
        }
        homeward_lua_error_seal(target.state)
    }

    /// The error of a table with a code, such as a script may raise itself; nil for other values.
    func tableError(_ index: Int32, on stack: LuaStack) -> LuaError? {
        let index = stack.absolute(index)
        guard stack.type(index) == HOMEWARD_LUA_TABLE, stack.reserve(8),
            let code = stack.textField(index, "code")
        else { return nil }
        return LuaError(
            LuaError.Code(rawValue: code),
            stack.textField(index, "message") ?? "",
            hint: stack.textField(index, "hint") ?? "",
            object: stack.textField(index, "object") ?? "",
            host: stack.textField(index, "host"),
            place: stack.textField(index, "where"),
            traceback: stack.textField(index, "traceback")
        )
    }

    /// What a fiber raised: the value on top of the state's own stack.
    private func raised(place: String?, traceback: String?) -> LuaError {
        wholeError(place: place, traceback: traceback).abridged
    }

    private func wholeError(place: String?, traceback: String?) -> LuaError {
        let traceback = traceback.map(LuaErrors.readable)
        if var error = tableError(-1, on: stack) {
            error.place = error.place ?? place
            // A script that raises an error with an empty place says that none is worth telling.
            if error.place?.isEmpty == true { error.place = nil }
            error.traceback = error.traceback ?? traceback
            return error
        }
        guard stack.type(-1) == HOMEWARD_LUA_STRING, let text = stack.text(-1) else {
            homeward_lua_text(stack.state, -1)
            let shown = stack.text(-1) ?? ""
            stack.pop()
            let message = stack.isNil(-1) ? "nil was raised as an error" : shown
            return LuaError(.runtime, message, hint: "", place: place, traceback: traceback)
        }
        guard text != "not enough memory" else {
            var error = Self.outOfMemory(world.limits)
            error.place = place
            return error
        }
        var (found, message) = LuaErrors.split(text.abridged) { file in
            chunkNames.contains(String(file)) || file.hasPrefix("...") || file.hasPrefix("[")
        }
        // Raised in a chunk of ours on behalf of the script.
        if let internalPlace = found, internalPlace.hasPrefix("["), !internalPlace.hasPrefix("[string ") { found = nil }
        if let short = found, let place { found = LuaErrors.unabridged(short, String(place.prefix { $0 != ":" })) }
        return LuaError(.runtime, message, hint: "", place: found ?? place, traceback: traceback)
    }

    /// An error of a handler that ran because of a stop does not change why the run ends, but is told.
    func tellLostError() {
        withRoom {
            guard homeward_lua_take_lost(stack.state) else { return }
            defer { stack.pop() }
            let text = raised(place: nil, traceback: nil).description
            guard stopReason != nil else { return warn("while a function was being stopped: \(text)") }
            let before = stopReason.map { $0.hint.isEmpty ? "" : $0.hint + "; " } ?? ""
            stopReason?.hint = before + "cleaning up failed: \(text)"
        }
    }

    /// What the chunk came to.
    func mainResult(_ fiber: LuaFiber, _ outcome: LuaFiber.Outcome) -> Result<[LuaValue], LuaError> {
        switch outcome {
        case .stopped: return .failure(stopReason ?? Self.interrupted)
        case .failed(let place, let traceback):
            _ = homeward_lua_move(fiber.stack.state, stack.state, 1)
            defer { stack.pop() }
            return .failure(raised(place: place, traceback: traceback))
        case .done:
            do throws(LuaError) {
                if isPrompt {
                    try show(fiber.stack)
                    return .success([])
                }
                return .success(try results(fiber.stack))
            } catch {
                return .failure(error)
            }
        }
    }

    private func results(_ stack: LuaStack) throws(LuaError) -> [LuaValue] {
        var values: [LuaValue] = []
        let count = stack.top
        guard count <= Int32(clamping: world.limits.values), stack.reserve(8) else {
            throw LuaError(
                .memoryLimit,
                "\(source.name): more than \(world.limits.values) results",
                hint: "return less"
            )
        }
        var index: Int32 = 1
        while index <= count {
            stack.pushCopy(index)
            var reader = reader(stack, subject: source.name, whole: "the result")
            values.append(try reader.read())
            stack.setTop(count)
            index += 1
        }
        return values
    }

    func reader(_ stack: LuaStack, subject: String, whole: String) -> LuaReader {
        LuaReader(
            stack,
            subject: subject,
            whole: whole,
            limits: world.limits,
            classes: registry.classNames,
            allowsFunctions: true
        )
    }
}
