export { isToolName, toolNames, type Tool, type ToolName } from './toolbox/tool.ts';
export { ensureTool, findTool, type OnProgress } from './toolbox/toolbox.ts';
export { grpcLimits, type GrpcLimits } from './rpc/grpc-options.ts';
export { GrpcTransport } from './rpc/grpc-transport.ts';
