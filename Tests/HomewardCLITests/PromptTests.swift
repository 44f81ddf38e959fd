import Glibc
import HomewardCLI
import LuaHost
import Synchronization
import Testing

/// Lines that a test types, each when it is asked for.
private final class TypedLines: LineSource {
    let isInteractive: Bool
    let prompts = Mutex<[String]>([])
    let remembered = Mutex<[String]>([])
    private let inputs: Mutex<[LineInput]>

    init(_ inputs: [LineInput], isInteractive: Bool = true) {
        self.inputs = Mutex(inputs)
        self.isInteractive = isInteractive
    }

    func next(_ prompt: String) async -> LineInput {
        prompts.withLock { $0.append(prompt) }
        return inputs.withLock { $0.isEmpty ? .end : $0.removeFirst() }
    }

    func remember(_ statement: String) { remembered.withLock { $0.append(statement) } }
    func interrupt() {}
}

@Suite(.timeLimit(.minutes(1)))
struct PromptTests {
    /// Runs a prompt over typed lines; a statement that contains `bad` fails, one that ends in `do` goes on.
    private func run(_ lines: TypedLines) async -> (code: Int32, statements: [String], errors: Int) {
        let statements = Mutex<[String]>([])
        let errors = Mutex(0)
        let prompt = Prompt(lines) { source in
            let text = String(decoding: source.text, as: UTF8.self)
            statements.withLock { $0.append(text) }
            return text.contains("bad") ? .failure(LuaError(.runtime, "bad", hint: "")) : .success([])
        } cancel: {
        } show: { _ in
            errors.withLock { $0 += 1 }
        } isIncomplete: { text in
            text.contains("do") && !text.contains("end")
        }
        let code = await prompt.run()
        return (code, statements.withLock { $0 }, errors.withLock { $0 })
    }

    @Test("a statement of several lines is one, in history too, and has its own prompt")
    func severalLines() async {
        let lines = TypedLines([.line("x"), .line("  "), .line("do"), .line(" y"), .line("end"), .end])
        let run = await run(lines)
        #expect(run.code == 0 && run.statements == ["x", "do\n y\nend"])
        #expect(lines.prompts.withLock { $0 } == ["hw> ", "hw> ", "hw> ", "hw>> ", "hw>> ", "hw> "])
        #expect(lines.remembered.withLock { $0 } == ["x", "do\n y\nend"])
    }

    @Test("Ctrl-C drops what was typed of a statement, and the prompt goes on")
    func interruptedLine() async {
        let run = await run(TypedLines([.line("do"), .interrupted, .line("x"), .end]))
        #expect(run.code == 0 && run.statements == ["x"])
    }

    @Test("an error is told and not the end; only a pipe's exit code remembers it")
    func errors() async {
        let inputs: [LineInput] = [.line("bad"), .line("x"), .end]
        let typed = await run(TypedLines(inputs))
        #expect(typed.code == 0 && typed.errors == 1 && typed.statements == ["bad", "x"])
        let piped = await run(TypedLines(inputs, isInteractive: false))
        #expect(piped.code == 1 && piped.errors == 1 && piped.statements == ["bad", "x"])
        let good = await run(TypedLines([.line("x")], isInteractive: false))
        #expect(good.code == 0)
    }

    @Test("what is unfinished at the end of a pipe is carried out, to say what it lacks")
    func unfinished() async {
        let run = await run(TypedLines([.line("do bad")], isInteractive: false))
        #expect(run.code == 1 && run.statements == ["do bad"])
    }

    @Test("Ctrl-C ends the statement that runs; where nobody types, everything")
    func interruptedStatement() async {
        for isInteractive in [true, false] {
            let (began, start) = AsyncStream.makeStream(of: Void.self)
            let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
            let lines = TypedLines([.line("x"), .line("y")], isInteractive: isInteractive)
            let statements = Mutex<[String]>([])
            let prompt = Prompt(lines) { source in
                statements.withLock { $0.append(String(decoding: source.text, as: UTF8.self)) }
                guard source.text == Array("x".utf8) else { return .success([]) }
                start.yield()
                for await _ in cancelled { break }
                return .failure(LuaError(.interrupted, "interrupted", hint: ""))
            } cancel: {
                cancel.yield()
            } show: { _ in
            } isIncomplete: { _ in
                false
            }
            let run = Task { await prompt.run() }
            for await _ in began { break }
            prompt.interrupt()
            let code = await run.value
            #expect(code == (isInteractive ? 0 : 130))
            #expect(statements.withLock { $0 } == (isInteractive ? ["x", "y"] : ["x"]))
        }
    }

    @Test("lines of a pipe come whole, the last one also without its end")
    func pipe() async {
        var ends: [Int32] = [0, 0]
        #expect(Glibc.pipe(&ends) == 0)
        let lines = PipedLines(ends[0])
        let text = Array("one\n\ntwo é\nthree".utf8)
        #expect(write(ends[1], text, text.count) == text.count)
        close(ends[1])
        var got: [LineInput] = []
        while got.last != .end { got.append(await lines.next("")) }
        #expect(got == [.line("one"), .line(""), .line("two é"), .line("three"), .end])
        close(ends[0])
    }

    @Test("Tab puts in what all candidates share, then shows them")
    func completion() {
        #expect(TabCompletion("hw.ho", ["hw.host", "hw.hosts"]).insertion == "st")
        let both = TabCompletion("hw.host", ["hw.host", "hw.hosts"])
        #expect(both.insertion.isEmpty && both.listing == "hw.host   hw.hosts\n")
        #expect(TabCompletion("x", ["y"]) == TabCompletion())
        #expect(TabCompletion("", ["a", "b", "c", "d", "e"], width: 7).listing == "a  d\nb  e\nc\n")
    }
}
