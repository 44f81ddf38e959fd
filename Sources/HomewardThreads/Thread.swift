import CPlatform

/// Runs `body` on a detached thread of its own that ends with it.
///
/// - Parameters:
///   - name: At most 15 bytes, for tools that list threads.
///   - stackBytes: Size of its stack.
///   - body: What it does.
/// - Returns: 0, or -errno when the system gives no thread; `body` is not run then.
package func startThread(_ name: String, stackBytes: Int = 1 << 20, _ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let work = Unmanaged.passRetained(Work(body))
    let code = homeward_thread_start(
        name,
        stackBytes,
        { context in
            guard let context else { return }
            Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
        },
        work.toOpaque()
    )
    if code != 0 { work.release() }
    return code
}
