import CPlatform
import Glibc
import HomewardCore
import LuaHost
import Subprocess
import Synchronization
import SystemPackage

/// Runs a site's commands on this machine.
///
/// Each is a session of its own, so that it has no terminal, gets no Ctrl-C of ours, and can be ended with all the
/// processes that it started.
public struct ShellRunner: Sendable {
    /// Bytes of each output that are kept; what comes after is read and left off, so that the command never waits.
    package var limit = 1 << 20
    /// Between TERM and KILL.
    package var grace = 5.0

    public init() {}

    /// Runs one command to its end.
    ///
    /// Cancelling the task ends the command as its timeout does, and throws once it has ended.
    /// - Parameters:
    ///   - command: what is run.
    ///   - onStart: hears which process it is, as soon as it is one.
    /// - Returns: Whatever its exit code; ``ShellResult/timedOut`` tells when its time was over.
    /// - Throws: ``LuaError`` `command-failed` when it cannot be started, `interrupted`.
    public func run(
        _ command: ShellCommand,
        onStart: @escaping @Sendable (ProcessMark) -> Void = { _ in }
    ) async throws(LuaError) -> ShellResult {
        let job = Job(command: command, onStart: onStart)
        let started = ScriptState.monotonicClock()
        // Its own task: a cancelled one would kill the command at once, without its five seconds to clean up.
        let task = Task { try await execute(job) }
        let outcome = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            job.stop.isSet.store(true, ordering: .releasing)
        }
        do {
            var result = try outcome.get()
            result.seconds = ScriptState.monotonicClock() - started
            if job.stop.isSet.load(ordering: .acquiring) {
                throw LuaError(
                    .interrupted,
                    "\(CommandLine.text(of: command)) was ended before its time",
                    hint: "run it again"
                )
            }
            return result
        } catch let error as LuaError {
            throw error
        } catch {
            throw Self.failure(error, command)
        }
    }

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    /// One command on its way.
    private struct Job: Sendable {
        let command: ShellCommand
        let onStart: @Sendable (ProcessMark) -> Void
        /// Whoever waits for it wants it no longer.
        let stop = Flag()
    }

    private func execute(_ job: Job) async throws -> ShellResult {
        let command = job.command
        let program = command.words.first ?? ""
        var options = PlatformOptions()
        options.createSession = true
        let updates = command.environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
        let configuration = Configuration(
            executable: program.contains("/") ? .path(FilePath(program)) : .name(program),
            arguments: Arguments(Array(command.words.dropFirst())),
            environment: .inherit.updating(Dictionary(uniqueKeysWithValues: updates)),
            platformOptions: options
        )
        let ended = try await start(configuration, job)
        let code: Int =
            switch ended.terminationStatus {
            case .exited(let code): Int(code)
            case .signaled(let signal): 128 + Int(signal)
            }
        let collected = ended.closureResult
        return ShellResult(
            code: code,
            output: collected.output.bytes,
            errors: collected.errors.bytes,
            wasCut: collected.output.wasCut || collected.errors.wasCut,
            timedOut: collected.timedOut,
            seconds: 0
        )
    }

    private typealias Ended = ExecutionResult<Collected, SequenceOutput, SequenceOutput>

    /// Input comes from a file in memory: writing into the pipe of a command that does not read it would end this process
    /// with SIGPIPE.
    private func start(_ configuration: Configuration, _ job: Job) async throws -> Ended {
        guard !job.command.input.isEmpty else {
            return try await Subprocess.run(configuration, input: .none, output: .sequence, error: .sequence) {
                try await follow($0, job)
            }
        }
        let input = try Self.file(of: job.command.input)
        return try await Subprocess.run(
            configuration,
            input: .fileDescriptor(input, closeAfterSpawningProcess: true),
            output: .sequence,
            error: .sequence
        ) { try await follow($0, job) }
    }

    private func follow<Input>(
        _ execution: Execution<Input, SequenceOutput, SequenceOutput>,
        _ job: Job
    ) async throws -> Collected {
        let limit = limit
        if let mark = ProcessMark.of(execution.processIdentifier.value) { job.onStart(mark) }
        async let output = Self.collect(execution.standardOutput, limit)
        async let errors = Self.collect(execution.standardError, limit)
        let timedOut = await watch(execution.processIdentifier.value, job.command.timeout, job.stop)
        return Collected(output: await output, errors: await errors, timedOut: timedOut)
    }

    // MARK: Input and output

    private struct Part: Sendable {
        var bytes: [UInt8] = []
        var wasCut = false
    }

    private struct Collected: Sendable {
        var output: Part
        var errors: Part
        var timedOut: Bool
    }

    /// Reads to the end, which is also there when the command has ended and something it left behind keeps the pipe.
    private static func collect(_ stream: SubprocessOutputSequence, _ limit: Int) async -> Part {
        var part = Part()
        do {
            for try await buffer in stream {
                let room = limit - part.bytes.count
                part.bytes += buffer.withUnsafeBytes { Array($0.prefix(room)) }
                if buffer.count > room { part.wasCut = true }
            }
        } catch {
            // A pipe that cannot be read any more has given all that it had.
            return part
        }
        return part
    }

    private static func file(of input: [UInt8]) throws -> FileDescriptor {
        let raw = homeward_memory_file("homeward-input")
        guard raw >= 0 else { throw Errno(rawValue: -raw) }
        let descriptor = FileDescriptor(rawValue: raw)
        do {
            try descriptor.writeAll(input)
            try descriptor.seek(offset: 0, from: .start)
            return descriptor
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    // MARK: The end

    /// Waits for a command that another process started and left behind, and ends it when its time is over.
    ///
    /// - Parameters:
    ///   - process: the first of its group.
    ///   - seconds: how long it may still take.
    /// - Throws: `CancellationError`; the command then goes on.
    package func finish(_ process: ProcessMark, within seconds: Double) async throws {
        let deadline = ScriptState.monotonicClock() + seconds
        while process.isAlive {
            guard ScriptState.monotonicClock() < deadline else { return await end(process.pid) }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Waits for the command to end, and ends it when its time is over or the caller is gone.
    /// - Returns: Whether its time was over.
    private func watch(_ pid: Int32, _ timeout: Double, _ stop: Flag) async -> Bool {
        let deadline = ScriptState.monotonicClock() + timeout
        var pause = 1
        while !Self.hasEnded(pid) {
            let isOver = ScriptState.monotonicClock() >= deadline
            if isOver || stop.isSet.load(ordering: .acquiring) {
                await end(pid)
                return isOver
            }
            try? await Task.sleep(for: .milliseconds(pause))
            pause = min(pause * 2, 20)
        }
        return false
    }

    /// TERM to the group, and KILL to those that are left after the grace.
    ///
    /// The command lives, or nobody has collected its end yet, so its number still means this group.
    private func end(_ pid: Int32) async {
        kill(-pid, SIGTERM)
        let deadline = ScriptState.monotonicClock() + grace
        while ProcessGroup.isAlive(pid), ScriptState.monotonicClock() < deadline {
            // In a task of its own: in one that was cancelled it would not sleep.
            await Task { try? await Task.sleep(for: .milliseconds(20)) }.value
        }
        kill(-pid, SIGKILL)
    }

    /// Looks without collecting the end, which is Subprocess' part.
    private static func hasEnded(_ pid: Int32) -> Bool {
        var information = siginfo_t()
        guard waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else { return errno != EINTR }
        return information.si_signo != 0
    }

    private static func failure(_ error: any Error, _ command: ShellCommand) -> LuaError {
        let program = command.words.first ?? ""
        let error = error as? SubprocessError
        let reason = error?.underlyingError.map { ": \($0)" } ?? ""
        guard error?.code == .executableNotFound else {
            return LuaError(
                LuaError.Code(.commandFailed),
                "\(program) could not be started\(reason.isEmpty ? error.map { ": \($0)" } ?? "" : reason)",
                hint: "see that it is a program that may be run: ls -l \(CommandLine.quoted(program))",
                object: program
            )
        }
        return LuaError(
            LuaError.Code(.commandFailed),
            program.contains("/") ? "there is no program \(program)" : "no program \(program) is in PATH",
            hint: program.contains(" ")
                ? "the first word is the program alone: hw.sh{ \"program\", \"argument\" }" : "give the whole path",
            object: program
        )
    }
}
