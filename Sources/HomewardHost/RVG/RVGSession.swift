import HomewardCore
import HomewardThreads
import Synchronization

/// One open session on a volume of an RVG: the application's way in.
final class RVGSession: VolumeSession {
    let size: UInt64
    let isReadOnly: Bool
    private let runtime: RVGRuntime
    private let id: UInt64
    private let volume: UInt32
    /// Requests taken and not replied to.
    private let open = Monitor(0)
    private let closed = Atomic(false)

    init(runtime: RVGRuntime, id: UInt64, volume: UInt32, size: UInt64, readOnly: Bool) {
        self.runtime = runtime
        self.id = id
        self.volume = volume
        self.size = size
        isReadOnly = readOnly
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(VolumeFailure) {
        guard offset <= size, UInt64(buffer.count) <= size - offset else { throw .outOfRange }
        do throws(Refusal) { try runtime.read(volume: volume, at: offset, into: buffer) } catch { throw .io(error) }
    }

    func submit(
        _ requests: [VolumeRequest],
        reply: @escaping @Sendable (UInt64, VolumeFailure?) -> Void
    ) {
        runtime.pool.writeCame()
        open.withLock { $0 += requests.count }
        for request in requests {
            let tag = request.tag
            let answer: @Sendable (VolumeFailure?) -> Void = { [self] failure in
                reply(tag, failure)
                let last = open.withLock { open in
                    open -= 1
                    return open == 0
                }
                if last { open.wakeAll() }
            }
            if isReadOnly, request.kind != .flush {
                answer(.readOnly)
            } else if request.offset > size || request.length > size - request.offset {
                answer(.outOfRange)
            } else if request.kind == .flush && isReadOnly {
                answer(nil)
            } else {
                runtime.submit(request, volume: volume, answer: answer)
            }
        }
        runtime.pushLog()
    }

    func close() {
        guard !closed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        open.wait(everyMilliseconds: 200) { $0 == 0 ? () : nil }
        runtime.closeSession(id)
    }
}

/// A session on a volume that belongs to no RVG: straight to the device.
final class PlainSession: VolumeSession {
    let size: UInt64
    let isReadOnly: Bool
    private let device: any BlockDevice
    private let onClose: @Sendable () -> Void
    private let closed = Atomic(false)

    init(device: any BlockDevice, readOnly: Bool, onClose: @escaping @Sendable () -> Void) {
        self.device = device
        size = device.size
        isReadOnly = readOnly
        self.onClose = onClose
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(VolumeFailure) {
        guard offset <= size, UInt64(buffer.count) <= size - offset else { throw .outOfRange }
        do throws(Refusal) { try device.read(at: offset, into: buffer) } catch { throw .io(error) }
    }

    func submit(
        _ requests: [VolumeRequest],
        reply: @escaping @Sendable (UInt64, VolumeFailure?) -> Void
    ) {
        for request in requests {
            do throws(VolumeFailure) {
                try carryOut(request)
                reply(request.tag, nil)
            } catch {
                reply(request.tag, error)
            }
        }
    }

    private func carryOut(_ request: VolumeRequest) throws(VolumeFailure) {
        if isReadOnly, request.kind != .flush { throw .readOnly }
        guard request.offset <= size, request.length <= size - request.offset else { throw .outOfRange }
        do throws(Refusal) {
            switch request.kind {
            case .write: try device.write(at: request.offset, [request.payload])
            case .zeroes(keepAllocated: true):
                try device.zeroKeepingSpace(at: request.offset, length: request.length)
            case .zeroes(keepAllocated: false), .trim: try device.zero(at: request.offset, length: request.length)
            case .flush: if !isReadOnly { try device.synchronize() }
            }
            if request.forceUnitAccess { try device.synchronize() }
        } catch {
            throw .io(error)
        }
    }

    func close() {
        guard !closed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        onClose()
    }
}
