import Dispatch
import HomewardCore
import HomewardNBD
import HomewardRunbooks
import Synchronization

/// An open session on a volume, as ``DoorVolumes`` needs it.
///
/// Calls block, one at a time.
package protocol DoorSession: Sendable {
    var size: UInt64 { get }
    func read(at offset: UInt64, count: Int) throws(Refusal) -> [UInt8]
    func write(at offset: UInt64, _ bytes: [UInt8]) throws(Refusal)
    func flush() throws(Refusal)
    func close()
}

/// The data doors as a script reaches them: sessions by number, each with a thread of its own while a call blocks.
///
/// A call whose task is cancelled throws `interrupted` at once, whatever the host does; its session ends when the host
/// answers, or with the process.
package final class DoorVolumes: ScriptVolumes {
    /// Opens a session on an export through a data socket.
    ///
    /// Blocks.
    package typealias Open =
        @Sendable (_ socket: String, _ export: String, _ readOnly: Bool) throws(Refusal) -> any DoorSession

    private struct Session {
        var host: String
        var export: String
        var door: any DoorSession
        var queue: DispatchQueue
    }

    private struct State {
        var next: UInt64 = 1
        var sessions: [UInt64: Session] = [:]
    }

    private let socket: @Sendable (_ host: String) async throws -> String
    private let open: Open
    private let state = Mutex(State())

    /// - Parameters:
    ///   - socket: the data socket of a host; throws `not-local` where there is no way to it.
    ///   - open: what opens a session.
    package init(
        socket: @escaping @Sendable (_ host: String) async throws -> String,
        open: @escaping Open = { socket, export, readOnly throws(Refusal) in
            try NBDDoorSession(client: NBDClient.connect(socketPath: socket, export: export, readOnly: readOnly))
        }
    ) {
        self.open = open
        self.socket = socket
    }

    package func perform(_ call: VolumeCall) async throws -> VolumeAnswer {
        switch call {
        case .open(let host, let export, let readOnly): return try await opened(host, export, readOnly)
        case .read(let number, let offset, let count):
            let session = try session(number)
            guard (0...VolumeCall.largest).contains(count) else {
                throw Refusal(
                    .badArgument,
                    session.export,
                    "\(count) bytes in one read, allowed are 0 to \(VolumeCall.largest)",
                    hint: "read in a loop, some MiB at a time",
                    host: session.host
                )
            }
            return .bytes(try await carryOut(session) { try $0.read(at: offset, count: count) })
        case .write(let number, let offset, let bytes):
            try await carryOut(session(number)) { try $0.write(at: offset, bytes) }
            return .done
        case .flush(let number):
            try await carryOut(session(number)) { try $0.flush() }
            return .done
        case .close(let number):
            guard let session = state.withLock({ $0.sessions.removeValue(forKey: number) }) else { return .done }
            try await carryOut(session) { $0.close() }
            return .done
        }
    }

    /// Waits for no host longer than two seconds: what is still open then ends with the process.
    package func closeAll() async {
        let open = state.withLock { state in
            defer { state.sessions = [:] }
            return Array(state.sessions.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for session in open {
                group.addTask {
                    try? await bounded(.seconds(2), session.export) { try await self.carryOut(session) { $0.close() } }
                }
            }
        }
    }

    private func opened(_ host: String, _ export: String, _ readOnly: Bool) async throws -> VolumeAnswer {
        let path = try await socket(host)
        let queue = DispatchQueue(label: "volume \(export)")
        let door: any DoorSession
        do {
            door = try await blocking(on: queue, export) { [open] in
                try open(path, export, readOnly)
            } late: {
                $0.close()
            }
        } catch var refusal as Refusal {
            refusal.host = refusal.host ?? host
            throw refusal
        }
        let session = Session(host: host, export: export, door: door, queue: queue)
        let number = state.withLock { state in
            defer { state.next += 1 }
            state.sessions[state.next] = session
            return state.next
        }
        return .opened(session: number, size: door.size)
    }

    private func session(_ number: UInt64) throws(Refusal) -> Session {
        if let session = state.withLock({ $0.sessions[number] }) { return session }
        throw Refusal(
            .sessionClosed,
            "session \(number)",
            "the volume was closed before",
            hint: "open it again: host:volume(dg, name):open()"
        )
    }

    private func carryOut<Value: Sendable>(
        _ session: Session,
        _ work: @escaping @Sendable (any DoorSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await blocking(on: session.queue, session.export) { try work(session.door) }
        } catch var refusal as Refusal {
            refusal.host = refusal.host ?? session.host
            throw refusal
        }
    }

    /// Runs work that blocks; `late` gets its value when nobody waits for it any more.
    private func blocking<Value: Sendable>(
        on queue: DispatchQueue,
        _ object: String,
        _ work: @escaping @Sendable () throws -> Value,
        late: @escaping @Sendable (Value) -> Void = { _ in }
    ) async throws -> Value {
        let waiter = Waiter<Value>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard waiter.wait(continuation) else { return }
                queue.async {
                    do {
                        let value = try work()
                        if !waiter.resume(.success(value)) { late(value) }
                    } catch {
                        _ = waiter.resume(.failure(error))
                    }
                }
            }
        } onCancel: {
            _ = waiter.resume(
                .failure(Refusal(.interrupted, object, "the request was interrupted", hint: "give it again"))
            )
        }
    }
}

/// A continuation that the first of two resumes.
private final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Value, any Error>)
        /// Resumed before anybody waited.
        case early(Result<Value, any Error>)
        case over
    }

    private let state = Mutex(State.idle)

    /// False when the result was there already, and is given.
    func wait(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
        let early: Result<Value, any Error>? = state.withLock { state in
            if case .early(let result) = state {
                state = .over
                return result
            }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(with: early) }
        return early == nil
    }

    /// Whether this was the first.
    func resume(_ result: Result<Value, any Error>) -> Bool {
        let waiting: CheckedContinuation<Value, any Error>?? = state.withLock { state in
            switch state {
            case .idle:
                state = .early(result)
                return .some(nil)
            case .waiting(let continuation):
                state = .over
                return continuation
            case .early, .over: return nil
            }
        }
        guard let waiting else { return false }
        waiting?.resume(with: result)
        return true
    }
}

private struct NBDDoorSession: DoorSession {
    let client: NBDClient
    var size: UInt64 { client.size }
    func read(at offset: UInt64, count: Int) throws(Refusal) -> [UInt8] { try client.read(at: offset, count: count) }
    func write(at offset: UInt64, _ bytes: [UInt8]) throws(Refusal) { try client.write(at: offset, bytes) }
    func flush() throws(Refusal) { try client.flush() }
    func close() { client.close() }
}
