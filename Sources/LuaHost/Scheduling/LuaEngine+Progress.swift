import CLuaShim

/// `on_progress`: a function of the script that is called while a request of it is carried out.
extension LuaEngine {
    /// The request that `fiber` waits for has ended.
    func requestEnded(_ fiber: LuaFiber, _ delivery: LuaFiber.Delivery) {
        if case .request(let id) = fiber.wait { sleeps.remove(id) }
        guard var progress = fiber.progress else { return wake(fiber, delivery) }
        if progress.fiber != nil {
            // The call returns only when its function has.
            progress.ended = delivery
            fiber.progress = progress
            return
        }
        stack.forget(progress.reference)
        fiber.progress = nil
        wake(fiber, progress.failed.map { .failure(of: $0) } ?? delivery)
    }

    /// Calls the function with a report, or keeps it for later while the function still runs.
    func tell(_ fiber: LuaFiber, _ report: LuaValue) {
        guard var progress = fiber.progress, progress.failed == nil, progress.ended == nil else { return }
        guard progress.fiber == nil else {
            fiber.progress?.next = report
            return
        }
        progress.next = nil
        withRoom {
            stack.pushKept(progress.reference)
            do throws(LuaError) {
                try LuaWriter(stack, classes: registry.classNumbers).push(report)
            } catch {
                stack.pushNil()
            }
            progress.fiber = makeFiber(.progress(of: fiber.id), from: stack, count: 2).id
        }
        fiber.progress = progress
    }

    func progressEnded(_ helper: LuaFiber, _ outcome: LuaFiber.Outcome, of owner: Int) {
        guard let fiber = fibers[owner], var progress = fiber.progress else { return release(helper) }
        progress.fiber = nil
        if case .failed = outcome {
            progress.failed = helper.id
            if case .request(let id) = fiber.wait, progress.ended == nil { cancelled.append(LuaRequestID(number: id)) }
        } else {
            release(helper)
        }
        let next = progress.next
        progress.next = nil
        fiber.progress = progress
        if let ended = progress.ended, progress.failed != nil || next == nil || fiber.stop != .none {
            fiber.progress?.ended = nil
            requestEnded(fiber, ended)
        } else if let next, progress.failed == nil {
            let ended = progress.ended
            fiber.progress?.ended = nil
            tell(fiber, next)
            fiber.progress?.ended = ended
        }
    }
}
