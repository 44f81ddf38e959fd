import HomewardAdministration
import HomewardCore

/// Carries out what a command line amounts to, and turns the end into words and an exit code.
public struct CommandRunner: Sendable {
    var console: Console
    var options: GlobalOptions
    var connect: @Sendable (_ reach: Reach, _ object: String) async throws -> Connection

    public init(
        console: Console,
        options: GlobalOptions,
        connect: @escaping @Sendable (_ reach: Reach, _ object: String) async throws -> Connection
    ) {
        self.console = console
        self.options = options
        self.connect = connect
    }

    /// - Returns: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    public func run(_ plan: Result<Plan, Refusal>) async -> Int32 {
        do {
            switch try plan.get() {
            case .text(let text):
                console.out(text)
                return 0
            case .ask(let inquiry): return try await run(inquiry)
            }
        } catch {
            return fail(error)
        }
    }

    private func run(_ inquiry: Inquiry) async throws -> Int32 {
        for note in inquiry.notes { console.note("note: \(note)") }
        var consent = inquiry.silent || options.yes || !console.canAsk
        if let question = inquiry.question {
            if consent {
                console.note("note: \(question.consequence)")
            } else {
                guard console.ask("\(question.text) \(question.consequence)") else { throw declined(inquiry) }
                consent = true
            }
        }
        let connection = try await connect(inquiry.reach, inquiry.object)
        var answers: [Answer] = []
        do {
            for request in inquiry.requests {
                // Finding a host takes a while, and so may the request before this one: Ctrl-C meanwhile ends it here.
                guard !Task.isCancelled else { throw interrupted(inquiry) }
                // Where yes is meant without being asked, the daemon is asked first all the same: it knows the consequence.
                answers.append(
                    try await perform(request, inquiry, connection, consent: consent && inquiry.question != nil)
                )
            }
        } catch {
            await connection.close()
            guard !answers.isEmpty, inquiry.view != .status else { throw error }
            return try fail(error, after: answers, inquiry)
        }
        await connection.close()
        return try show(answers, inquiry)
    }

    private func perform(
        _ request: Request,
        _ inquiry: Inquiry,
        _ connection: Connection,
        consent: Bool
    ) async throws -> Answer {
        let display = ProgressDisplay(console)
        defer { display.end() }
        do {
            return try await connection.handler.perform(request.consenting(consent), on: connection.host) {
                display.show($0)
            }
        } catch let refusal as Refusal where refusal.code == .needsConsent && !consent {
            display.end()
            if inquiry.silent || options.yes || !console.canAsk {
                console.note("note: \(refusal.message)")
            } else {
                guard console.ask(refusal.message) else { throw declined(inquiry) }
            }
            return try await perform(request, inquiry, connection, consent: true)
        }
    }

    private func show(_ given: [Answer], _ inquiry: Inquiry) throws -> Int32 {
        let answers = inquiry.view == .status ? Self.merged(given) : given
        var difference: Refusal?
        if case .verification = inquiry.view {
            for case .synchronized(let reports) in answers {
                difference = difference ?? SynchronizationText.difference(reports, object: inquiry.object)
            }
        }
        if options.json {
            if let difference {
                // The code of the end and the JSON have to say the same, and the report is wanted all the same.
                let report = try answers.first.map { try StableJSON.text($0) } ?? "null"
                console.out(StableJSON.text(difference).dropLast() + ",\"synchronized\":\(report)}")
            } else if answers.count == 1 {
                console.out(try StableJSON.text(answers[0]))
            } else {
                console.out("[\(try answers.map { try StableJSON.text($0) }.joined(separator: ","))]")
            }
            return difference == nil ? 0 : 1
        }
        for answer in answers { show(answer, inquiry.view) }
        if let difference { return fail(difference) }
        return 0
    }

    private func show(_ answer: Answer, _ view: View) {
        let (out, notes) = AnswerText.lines(answer, view)
        for line in out { console.out(line) }
        for line in notes { console.note(line) }
    }

    /// A host describes its own part of each RDS, which is quick; what its peers say of theirs is asked for beside it.
    private static func merged(_ answers: [Answer]) -> [Answer] {
        guard answers.count == 2, case .host(var host) = answers[0], case .rds(let sets) = answers[1] else {
            return answers
        }
        host.rvgs = sets
        return [.host(host)]
    }

    /// The same for a line of several requests: what was done before the refusal stays done, and is told.
    private func fail(_ error: any Error, after done: [Answer], _ inquiry: Inquiry) throws -> Int32 {
        guard options.json else {
            for answer in done { show(answer, inquiry.view) }
            return fail(error)
        }
        let refusal = Self.refusal(error)
        let reports = try done.map { try StableJSON.text($0) }.joined(separator: ",")
        console.out(StableJSON.text(refusal).dropLast() + ",\"done\":[\(reports)]}")
        return Self.exitCode(refusal.code)
    }

    private static func refusal(_ error: any Error) -> Refusal {
        error as? Refusal
            ?? Refusal(
                error is CancellationError ? .interrupted : .ioError,
                "homeward",
                "\(error)",
                hint: "give the command again"
            )
    }

    /// Shows why it ended and returns the exit code.
    func fail(_ error: any Error) -> Int32 {
        let refusal = Self.refusal(error)
        if options.json { console.out(StableJSON.text(refusal)) } else { console.note(refusal.description) }
        return Self.exitCode(refusal.code)
    }

    static func exitCode(_ code: RefusalCode) -> Int32 {
        switch code {
        case .usage: 2
        case .interrupted: 130
        default: 1
        }
    }

    private func interrupted(_ inquiry: Inquiry) -> Refusal {
        Refusal(.interrupted, inquiry.object, "the command was interrupted", hint: "give the command again")
    }

    private func declined(_ inquiry: Inquiry) -> Refusal {
        Refusal(
            .needsConsent,
            inquiry.object,
            "nothing was done: the answer was no",
            hint: "to agree, repeat it with --yes"
        )
    }
}
