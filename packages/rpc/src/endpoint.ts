import { create } from '@bufbuild/protobuf';
import type { Endpoint } from '@multigres/core';
import { EndpointSchema, type Endpoint as EndpointMessage } from './gen/multigres/common/v1/common_pb.ts';

/** An endpoint as a message. */
export function endpointMessage(endpoint: Endpoint): EndpointMessage {
  if (endpoint.kind === 'unix') return create(EndpointSchema, { address: { case: 'unixPath', value: endpoint.path } });
  const { host, port } = endpoint;
  return create(EndpointSchema, { address: { case: 'tcp', value: { host, port } } });
}

/** The endpoint of a message; undefined if it names none. */
export function endpointOf(message: EndpointMessage | undefined): Endpoint | undefined {
  const address = message?.address;
  if (address?.case === 'unixPath') return { kind: 'unix', path: address.value };
  if (address?.case !== 'tcp' || address.value.port > 65_535) return undefined;
  return { kind: 'tcp', host: address.value.host, port: address.value.port };
}
