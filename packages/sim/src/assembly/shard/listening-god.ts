import { utf8Text } from '@multigres/core';
import {
  fromBinary,
  RecruitRequestSchema,
  RecruitResponseSchema,
  type Ballot,
  type MemberId,
  type RecruitResponse,
} from '@multigres/rpc';
import type { Checks } from '../../check/checks.ts';
import { ballotText, type SeenBallot } from '../../check/consensus/ballots.ts';
import type { CallEars } from '../../world/heard-transport.ts';
import type { Weather } from '../../world/weather.ts';
import { promiseFile } from './postgres-machine.ts';

/** Hears every call between roles: makes moments of them, and tells the oracles of ballots and promises. */
export class ListeningGod implements CallEars {
  readonly againShare: number;
  readonly #weather: Weather;
  readonly #checks: Checks;
  /** The orchestrator that asked last. */
  #coordinator: string | undefined;

  constructor(weather: Weather, checks: Checks, againShare: number) {
    this.#weather = weather;
    this.#checks = checks;
    this.againShare = againShare;
    weather.aliases.set('coordinator', () => this.#coordinator);
  }

  asked(method: string, request: Uint8Array): (response: Uint8Array) => void {
    const askedMs = this.#checks.nowMs();
    if (method === 'MemberService.Recruit') {
      const { ballot } = fromBinary(RecruitRequestSchema, request);
      if (ballot !== undefined) this.#checks.ballots.heard(seenBallot(ballot), askedMs);
      this.#coordinator = ballot?.coordinator?.name;
    }
    this.#mark(method, 'asked');
    return (response) => {
      this.#mark(method, 'answered');
      if (method === 'MemberService.Recruit') this.#promised(fromBinary(RecruitResponseSchema, response), askedMs);
    };
  }

  #promised({ member, promise }: RecruitResponse, askedMs: number): void {
    if (member === undefined || promise?.ballot === undefined) return;
    const who = memberText(member);
    const ballot = seenBallot(promise.ballot);
    this.#checks.note(this.#weather.kernel.god, () => `${who} promised ${ballotText(ballot)}`);
    const sentence =
      this.#checks.promises.heard(who, ballot, askedMs, this.#checks.nowMs()) ??
      unkept(who, ballot, this.#onDisk(member.pooler?.name ?? ''));
    if (sentence !== undefined) this.#checks.fail('promise', sentence);
  }

  /** The file of promises, as power loss would leave it. */
  #onDisk(machine: string): string {
    const bytes = this.#weather.machine(machine).disk.durableFile(promiseFile);
    return bytes === undefined ? '' : utf8Text(bytes);
  }

  /** `call/Recruit asked`; of the members' calls only. */
  #mark(method: string, what: 'asked' | 'answered'): void {
    const [service, name] = method.split('.');
    if (service === 'MemberService') this.#weather.moments.mark(`call/${name} ${what}`, 'god');
  }
}

/** A promise must be on the disk before anybody hears of it, or there is a higher one by now. */
function unkept(member: string, ballot: SeenBallot, file: string): string | undefined {
  const terms = [...file.matchAll(/"term": "(\d+)"/g)].map(([, term = '0']) => BigInt(term));
  if (file.includes(ballot.nonce) || terms.some((term) => term >= ballot.term)) return undefined;
  return `${member} was heard to promise ${ballotText(ballot)}, which is not on its disk`;
}

export function seenBallot({ term, coordinator, nonce }: Ballot): SeenBallot {
  return { term, coordinator: `${coordinator?.cell ?? ''}/${coordinator?.name ?? ''}`, nonce };
}

/** A member with its incarnation: two of one pooler are two. */
export function memberText({ pooler, incarnation }: MemberId): string {
  return `${pooler?.cell ?? ''}/${pooler?.name ?? ''}#${incarnation}`;
}
