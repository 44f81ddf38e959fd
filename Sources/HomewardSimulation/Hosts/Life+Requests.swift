import HomewardAdministration
import HomewardCore

/// What is asked of a life from outside.
extension Life {
    /// Asks the node something on behalf of the operator; gives the token that names the request.
    @discardableResult
    func request(_ request: RVGRequest, _ answer: @escaping (Result<RVGAnswer, Refusal>) -> Void) -> UInt64 {
        let token = nextToken
        nextToken += 1
        answers[token] = answer
        host.whenAwake { [self] in
            let after = world.planted == nil ? nil : alter(before: request)
            step { node, effects in
                node.request(request, token: token, now: self.world.instant, wallTime: self.host.wall, into: &effects)
            }
            after?()
        }
        return token
    }

    /// A step that comes from outside: it waits for a process that is stopped.
    private func perform(_ body: @escaping (inout RVGNode, inout NodeEffects) -> Void) {
        host.whenAwake { [self] in step(body) }
    }

    /// Whoever asked takes it back.
    func cancel(token: UInt64) {
        perform { node, effects in
            node.cancel(token: token, now: self.world.instant, wallTime: self.host.wall, into: &effects)
        }
    }

    /// Whoever asked is gone.
    func forget(token: UInt64) { perform { node, effects in node.forget(token: token, into: &effects) } }
}
