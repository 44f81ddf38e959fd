import CLuaShim
import Logging

/// Calls of Lua into Swift. The answer says what C does when this frame is gone: nothing is raised from here.
extension LuaEngine {
    func invoke(_ stack: LuaStack, _ function: Int64) -> Int32 {
        pulse.beat()
        guard stack.reserve(20) else { return 0 }
        let isClose = function & ~0xFFFF_FFFF == LuaRegistry.close
        stopIfMeant()
        if let fiber = current, mustRaise(fiber, stack, shielded: isClose) {
            dropRequest(of: fiber)
            if case .value(let result)? = fiber.delivery { closeUnclaimed(result) }
            fiber.delivery = nil
            fiber.isShielded = false
            return LuaReply.stop
        }
        do throws(LuaError) {
            return try dispatch(function, stack)
        } catch {
            pushError(error, on: stack)
            return LuaReply.raise
        }
    }

    private func dispatch(_ function: Int64, _ stack: LuaStack) throws(LuaError) -> Int32 {
        if function == LuaReply.resumed { return try resumed(stack) }
        if function < LuaRegistry.firstFunction {
            guard let native = LuaNative(rawValue: function) else { return 0 }
            return try call(native, stack)
        }
        if function < LuaRegistry.close { return try callDeclared(function, stack, closing: false) }
        let number = Int(function & 0xFFFF_FFFF)
        switch function & ~0xFFFF_FFFF {
        case LuaRegistry.close: return try close(number, stack)
        case LuaRegistry.unknownField: throw unknownField(number, stack)
        case LuaRegistry.unknownFunction: throw unknownFunction(number, stack)
        case LuaRegistry.assignment:
            throw LuaError(
                .badArgument,
                "\(article(registry.classNames[number - 1])) cannot be changed",
                hint: "keep what belongs to it in a table of your own"
            )
        case LuaRegistry.equality:
            stack.push(try objectsEqual(stack))
            return 1
        default:
            stack.push(objectText(1, number, stack))
            return 1
        }
    }

    /// Pushes what the wait of the running fiber came to.
    private func resumed(_ stack: LuaStack) throws(LuaError) -> Int32 {
        guard let fiber = current, let delivery = fiber.delivery else { return 0 }
        fiber.delivery = nil
        fiber.isShielded = false
        switch delivery {
        case .value(let result):
            try LuaWriter(stack, classes: registry.classNumbers).push(try result.get())
            return 1
        case .index(let index):
            if let index { stack.push(Int64(index + 1)) } else { stack.pushNil() }
            return 1
        case .failure(let id):
            guard let failed = fibers[id] else { return 0 }
            pushFailure(of: failed, stack)
            return LuaReply.raise
        }
    }

    // MARK: Declared functions

    private func callDeclared(_ number: Int64, _ stack: LuaStack, closing: Bool) throws(LuaError) -> Int32 {
        guard let function = registry.function(number) else { return 0 }
        let checker = LuaArgumentChecker(engine: self, stack: stack, function: function)
        try checker.check()
        do {
            switch function.declaration.body {
            case .value(let body):
                let value = try body(try checker.arguments())
                try LuaWriter(stack, classes: registry.classNumbers).push(value)
                return 1
            case .verb(let body):
                return try answer(body(try checker.arguments()), function, stack, closing: closing)
            case .lua(let text):
                let count: Int32 = function.className == nil ? 0 : 1
                stack.setTop(min(stack.top, Int32(function.declaration.parameters.count) + count))
                try pushBody(Int(number - LuaRegistry.firstFunction), text, on: stack)
                return LuaReply.body
            }
        } catch let error as LuaError {
            throw error
        } catch {
            throw LuaError(.runtime, "\(error)", hint: "")
        }
    }

    private func answer(
        _ answer: LuaAnswer<LuaPending>,
        _ function: LuaRegistry.Function,
        _ stack: LuaStack,
        closing: Bool
    ) throws(LuaError) -> Int32 {
        switch answer {
        case .value(let value):
            try LuaWriter(stack, classes: registry.classNumbers).push(value)
            return 1
        case .wait(let pending):
            try wait(for: .verb(pending), stack, shielded: closing)
            keepProgress(of: function, stack)
            return LuaReply.wait
        }
    }

    private func keepProgress(of function: LuaRegistry.Function, _ stack: LuaStack) {
        guard let parameter = function.declaration.progressParameter else { return }
        let index = Int32(parameter + 1 + (function.className == nil ? 0 : 1))
        guard stack.type(index) == HOMEWARD_LUA_TABLE else { return }
        if stack.pushField(index, "on_progress") == HOMEWARD_LUA_FUNCTION {
            current?.progress = LuaFiber.Progress(reference: stack.keep())
        } else {
            stack.pop()
        }
    }

    // MARK: Objects

    /// `<close>` calls the declared method; a stop waits until it is done, or the grace is over.
    private func close(_ number: Int, _ stack: LuaStack) throws(LuaError) -> Int32 {
        let declared = registry.classes[number - 1]
        guard let position = declared.closing else {
            throw LuaError(.runtime, "\(declared.declaration.name) has no method that closes it", hint: "")
        }
        stack.setTop(1)
        let method = LuaRegistry.firstFunction + Int64(declared.firstMethod + position)
        return try callDeclared(method, stack, closing: true)
    }

    /// Closes what a request opened that no fiber takes any more, since a stop overtook it.
    ///
    /// Nobody waits for the end of that.
    func closeUnclaimed(_ result: Result<LuaValue, LuaError>) {
        guard case .success(.object(let object)) = result, let number = registry.classNumbers[object.className] else {
            return
        }
        let declared = registry.classes[number - 1]
        guard let position = declared.closing, case .verb(let body) = declared.declaration.methods[position].body,
            // A method that refuses its own object has nothing to close.
            case .wait(let pending)? = try? body(LuaArguments(object: object, values: []))
        else { return }
        closing.insert(request(.verb(pending)))
    }

    private func unknownField(_ number: Int, _ stack: LuaStack) -> LuaError {
        let declared = registry.classes[number - 1].declaration
        let name = stack.text(2) ?? describe(2, stack)
        let names = declared.methods.map(\.name) + declared.fields.map(\.name)
        let near = LuaNames.nearest(to: name, in: names)
        return LuaError(
            .badArgument,
            "\(article(declared.name)) has no field or method '\(name)'",
            hint: near.map { "did you mean '\($0)'?" } ?? "help(\"\(declared.name)\") lists them"
        )
    }

    private func unknownFunction(_ number: Int, _ stack: LuaStack) -> LuaError {
        let module = registry.modules[number]
        let name = stack.text(2) ?? describe(2, stack)
        let near = LuaNames.nearest(to: name, in: module.declaration.functions.map(\.name))
        return LuaError(
            .badArgument,
            "there is no \(module.shortName).\(name)",
            hint: near.map { "did you mean '\(module.shortName).\($0)'?" }
                ?? "help(\(module.shortName)) lists what there is"
        )
    }

    private func objectsEqual(_ stack: LuaStack) throws(LuaError) -> Bool {
        guard stack.classNumber(1) != 0, stack.classNumber(1) == stack.classNumber(2) else { return false }
        stack.pushCopy(1)
        var left = reader(stack, subject: "==", whole: "the left object")
        let one = try left.read()
        stack.pushCopy(2)
        var right = reader(stack, subject: "==", whole: "the right object")
        return one == (try right.read())
    }

    /// What `tostring` gives: the field that the class names, else the class.
    func objectText(_ index: Int32, _ number: Int, _ stack: LuaStack) -> String {
        let declared = registry.classes[number - 1].declaration
        guard let field = declared.text, stack.type(index) == HOMEWARD_LUA_OBJECT else { return declared.name }
        homeward_lua_push_fields(stack.state, index)
        defer { stack.pop() }
        return stack.textField(-1, field) ?? declared.name
    }

    func warn(_ text: String) { Logger(label: "homeward.lua").warning("\(text)") }

    /// "a Host", "an RDS".
    func article(_ name: String) -> String {
        // Abbreviations are read letter by letter.
        let isAbbreviation = name.dropFirst().first?.isUppercase ?? false
        let vowels = isAbbreviation ? "AEFHILMNORSX" : "AEIOUaeiou"
        return (name.first.map(vowels.contains) == true ? "an " : "a ") + name
    }
}
