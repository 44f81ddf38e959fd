import HomewardCore
import Synchronization

/// Volumes in memory, with the roles, failures and late replies that tests ask for.
final class MemoryVolumes: VolumeService {
    /// When a session replies.
    enum Replies: Sendable {
        case before
        /// From another thread, in the order of a queue of its own.
        case later
    }

    struct Volume {
        var bytes: [UInt8]
        var writing: Refusal?
        var reading: Refusal?
        var failure: VolumeFailure?
    }

    struct State {
        var volumes: [String: Volume] = [:]
        var holders: [SessionHolder] = []
        var open = 0
        var opened = 0
        var requests: [VolumeRequest.Kind: Int] = [:]
        var forced = 0
        var batches = 0
        var largestBatch = 0
    }

    let state: Mutex<State>
    let replies: Replies

    init(_ sizes: [String: Int], replies: Replies = .before) {
        var initial = State()
        for (name, size) in sizes { initial.volumes[name] = Volume(bytes: [UInt8](repeating: 0, count: size)) }
        state = Mutex(initial)
        self.replies = replies
    }

    var open: Int { state.withLock { $0.open } }
    var forced: Int { state.withLock { $0.forced } }
    func count(_ kind: VolumeRequest.Kind) -> Int { state.withLock { $0.requests[kind] ?? 0 } }
    var opened: Int { state.withLock { $0.opened } }
    var holders: [SessionHolder] { state.withLock { $0.holders } }

    func change(_ name: String, _ body: (inout Volume) -> Void) {
        state.withLock { state in
            guard var volume = state.volumes[name] else { return }
            body(&volume)
            state.volumes[name] = volume
        }
    }

    func bytes(_ name: String, _ range: Range<Int>) -> [UInt8] {
        state.withLock { Array($0.volumes[name]?.bytes[range] ?? []) }
    }

    func exports() -> [VolumeExport] {
        state.withLock { state in
            state.volumes.map {
                VolumeExport(name: $0.key, size: UInt64($0.value.bytes.count), writable: $0.value.writing == nil)
            }.sorted { $0.name < $1.name }
        }
    }

    func open(_ export: String, readOnly: Bool, holder: SessionHolder) throws(Refusal) -> any VolumeSession {
        let result: Result<any VolumeSession, Refusal> = state.withLock { state in
            guard let volume = state.volumes[export] else {
                return .failure(Refusal(.unknownVolume, export, "no volume of that name", hint: "homeward vol list"))
            }
            if let refusal = readOnly ? volume.reading : volume.writing { return .failure(refusal) }
            state.open += 1
            state.opened += 1
            state.holders.append(holder)
            return .success(MemorySession(self, export, size: UInt64(volume.bytes.count), isReadOnly: readOnly))
        }
        return try result.get()
    }
}

/// One session on a volume in memory.
final class MemorySession: VolumeSession {
    private let volumes: MemoryVolumes
    private let name: String
    let size: UInt64
    let isReadOnly: Bool
    private let replier = Replier()

    init(_ volumes: MemoryVolumes, _ name: String, size: UInt64, isReadOnly: Bool) {
        self.volumes = volumes
        self.name = name
        self.size = size
        self.isReadOnly = isReadOnly
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(VolumeFailure) {
        let place = Int(offset)..<Int(offset) + buffer.count
        nonisolated(unsafe) let target = buffer
        let failure: VolumeFailure? = volumes.state.withLock { state in
            guard let volume = state.volumes[name] else { return .shuttingDown }
            if let failure = volume.failure { return failure }
            volume.bytes.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[place])) }
            return nil
        }
        if let failure { throw failure }
    }

    func submit(
        _ requests: [VolumeRequest],
        reply: @escaping @Sendable (_ tag: UInt64, _ failure: VolumeFailure?) -> Void
    ) {
        volumes.state.withLock {
            $0.batches += 1
            $0.largestBatch = max($0.largestBatch, requests.count)
        }
        for request in requests {
            switch volumes.replies {
            case .before: reply(request.tag, carryOut(request))
            case .later:
                nonisolated(unsafe) let request = request
                replier.enqueue { reply(request.tag, self.carryOut(request)) }
            }
        }
    }

    func close() {
        replier.drain()
        volumes.state.withLock { $0.open -= 1 }
    }

    private func carryOut(_ request: VolumeRequest) -> VolumeFailure? {
        nonisolated(unsafe) let request = request
        return volumes.state.withLock { state in
            state.requests[request.kind, default: 0] += 1
            if request.forceUnitAccess { state.forced += 1 }
            if let failure = state.volumes[name]?.failure { return failure }
            let place = Int(request.offset)..<Int(request.offset + request.length)
            switch request.kind {
            case .write: state.volumes[name]?.bytes.replaceSubrange(place, with: request.payload)
            case .zeroes, .trim:
                state.volumes[name]?.bytes.replaceSubrange(place, with: repeatElement(0, count: place.count))
            case .flush: break
            }
            return nil
        }
    }
}
