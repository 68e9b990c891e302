import test from 'ava';
import { AppError, type ErrorCode, errorBody, errorStatus } from '../../src/base/errors.ts';

test('every code stands for an error status', t => {
  for (const [code, status] of Object.entries(errorStatus)) {
    t.regex(code, /^ERR_[A-Z_0-9]+$/);
    t.true(Number.isInteger(status) && status >= 400 && status <= 599, code);
    t.is(new AppError(code as ErrorCode, 'x').status, status);
  }
});

test('an error body has code, message and request id', t => {
  const body: unknown = JSON.parse(errorBody(new AppError('ERR_NO_MAPPING', 'No mapping'), 'r-1'));
  t.deepEqual(body, { error: { code: 'ERR_NO_MAPPING', message: 'No mapping', request_id: 'r-1' } });
});

test('an error body names the field that a form can show it at', t => {
  const error = new AppError('ERR_VALIDATION', 'Expected `prefix` …', { field: 'prefix' });
  t.like(JSON.parse(errorBody(error, 'r-1')), { error: { field: 'prefix' } });
});

test('the cause of an error stays out of its body', t => {
  const cause = new Error('connect ECONNREFUSED 10.1.2.3:443');
  const error = new AppError('ERR_UPSTREAM_REFUSED', 'The upstream refused the connection', { cause });
  t.is(error.cause, cause);
  t.notRegex(errorBody(error, 'r-1'), /ECONNREFUSED|10\.1\.2\.3/);
});

test('an error without a cause has none', t => {
  t.false('cause' in new AppError('ERR_INTERNAL', 'x'));
});
