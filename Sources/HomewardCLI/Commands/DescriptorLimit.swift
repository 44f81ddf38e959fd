import Glibc
import HomewardCore

/// How many descriptors the daemon may have open.
enum DescriptorLimit {
    /// Below this not even the event loops of its sockets could be made, which ends a process without a word; and every
    /// application that is turned away later is one too many.
    static let least: UInt64 = 256

    /// Raises the limit to what the system allows this process.
    ///
    /// - Throws: `limit-reached` when that is too few.
    static func raise(for name: String) throws(Refusal) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        guard limit.rlim_cur < least else { return }
        throw Refusal(
            .limitReached,
            name,
            "this process may have \(limit.rlim_cur) file descriptors open, and needs \(least)",
            hint: "raise the limit: ulimit -n 1024, or LimitNOFILE= of its unit"
        )
    }
}
