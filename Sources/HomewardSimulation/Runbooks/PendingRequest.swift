import HomewardAdministration
import HomewardCore

/// A request on its way, from the side of whoever sent it.
final class PendingRequest {
    private var finish: ((Result<Answer, Refusal>) -> Void)?
    /// Where the host carries it out: what a cancel takes back there, and what goes on when the client vanishes.
    private var place: (life: Life, token: UInt64)?
    private(set) var isCancelled = false
    /// Called now and then while the host works.
    var onProgress: ((Progress) -> Void)?
    /// The client vanished before the host had read it.
    private(set) var isLost = false

    init(_ finish: @escaping (Result<Answer, Refusal>) -> Void) { self.finish = finish }

    var isOver: Bool { finish == nil }

    /// The first end counts.
    func end(_ result: Result<Answer, Refusal>) {
        guard let finish else { return }
        self.finish = nil
        finish(result)
    }

    func began(on life: Life, token: UInt64) {
        place = (life, token)
        if isCancelled { life.cancel(token: token) }
        if isOver { life.forget(token: token) }
    }

    /// What the host that works has to tell.
    func look() {
        guard !isOver, let place, place.life.isCurrent, let onProgress else { return }
        for progress in place.life.node.progress(token: place.token, now: place.life.world.instant) {
            onProgress(progress)
        }
    }

    /// The client takes it back, and waits for its end all the same.
    func cancel() {
        guard !isCancelled, !isOver else { return }
        isCancelled = true
        if let place { return place.life.cancel(token: place.token) }
        end(.failure(Refusal(.interrupted, "request", "was cancelled", hint: "repeat it")))
    }

    /// The client vanishes: what the host has begun goes on without it.
    func vanish(lost: Bool) {
        finish = nil
        isLost = lost
        if let place { place.life.forget(token: place.token) }
    }

    /// The same of a host whose connection with the client's host is gone.
    func lose(_ refusal: Refusal) {
        guard !isOver else { return }
        let place = place
        end(.failure(refusal))
        if let place { place.life.forget(token: place.token) }
    }
}
