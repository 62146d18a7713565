export { SqlClient, type SqlLogin } from '../sql-client.ts';
